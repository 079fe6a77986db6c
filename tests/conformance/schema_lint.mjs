// Lints schema.graphql by graphql-eslint's recommended and relay rules: node schema_lint.mjs FILE
import { dirname } from 'node:path';

import { ESLint } from 'eslint';
import graphql from '@graphql-eslint/eslint-plugin';

// What the rules get wrong here, each with its reason.
const WAIVED = {
  created_at: 'the one name in snake_case: the first published query has it',
  releasedAt: 'begins with a word, not with the name of its type',
  triagedAt: 'begins with a word, not with the name of its type',
  username: 'one word',
  ticketId: 'the id in the tracker; `id` is ours',
};
const RULES = {
  ...graphql.configs['flat/schema-recommended'].rules,
  ...graphql.configs['flat/schema-relay'].rules,
  // Lists are walked forwards only.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  // Short lists of parts are plain lists, and there is no lookup by id across types.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
  ],
  // Counts, reasons, edges: values have no identity.
  '@graphql-eslint/strict-id-in-types': 'off',
};

const [, , file] = process.argv;
const eslint = new ESLint({
  overrideConfigFile: true,
  cwd: dirname(file),
  overrideConfig: [
    {
      files: ['**/*.graphql'],
      languageOptions: {
        parser: graphql.parser,
        parserOptions: { graphQLConfig: { schema: file } },
      },
      plugins: { '@graphql-eslint': graphql },
      rules: RULES,
    },
  ],
});
const [result] = await eslint.lintFiles([file]);
const nameIn = (text) => /[Ff]ield "(\w+)"/.exec(text)?.[1];
const isWaived = ({ message }) => nameIn(message) in WAIVED;
const told = result.messages.filter((one) => !isWaived(one));
const used = new Set(result.messages.filter(isWaived).map(({ message }) => nameIn(message)));
console.log(
  JSON.stringify({
    rules: Object.keys(RULES).length,
    problems: told.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`),
    unusedWaivers: Object.keys(WAIVED).filter((name) => !used.has(name)),
  }),
);
