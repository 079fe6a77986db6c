// Runs the two documents of the first example in public clients:
//   node clients.mjs URL TOKEN
// Prints {"client": {"query": data, "mutation": data}, ...}.
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const [url, token] = process.argv.slice(2);
const MUTATION =
  'mutation { summarizeLog(raw: "Server crashed at 2am with out-of-memory error.") { id summary } }';
const QUERY = 'query { logEntries(limit: 5) { id summary created_at } }';
const headers = { authorization: `Bearer ${token}` };

async function urql() {
  const client = new Client({
    url,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers },
    preferGetMethod: false,
  });
  const mutation = await client.mutation(MUTATION, {}).toPromise();
  const query = await client.query(QUERY, {}).toPromise();
  if (mutation.error ?? query.error) throw mutation.error ?? query.error;
  return { mutation: mutation.data, query: query.data };
}

async function apollo() {
  const client = new ApolloClient({
    link: new HttpLink({ uri: url, headers }),
    cache: new InMemoryCache(),
  });
  const mutation = await client.mutate({ mutation: gql(MUTATION) });
  const query = await client.query({ query: gql(QUERY) });
  return { mutation: mutation.data, query: query.data };
}

async function graphqlWs() {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${token}` },
  });
  const run = (query) =>
    new Promise((resolve, reject) => {
      let found;
      client.subscribe({ query }, {
        next: (result) => { found = result.data; },
        error: reject,
        complete: () => resolve(found),
      });
    });
  const answers = { mutation: await run(MUTATION), query: await run(QUERY) };
  await client.dispose();
  return answers;
}

console.log(JSON.stringify({
  urql: await urql(), apollo: await apollo(), 'graphql-ws': await graphqlWs(),
}));
process.exit(0);
