// Runs the public GraphQL-over-HTTP audits: node http_audits.mjs URL [TOKEN]
// Prints one JSON object: {"total": n, "ok": n, "failed": [{"id", "name", "status", "reason"}]}
import { auditServer } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (target, init = {}) =>
  fetch(target, {
    ...init,
    headers: { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
  });

const results = await auditServer({ url, fetchFn });
const failed = results
  .filter((result) => result.status !== 'ok')
  .map(({ id, name, status, reason }) => ({ id, name, status, reason }));
console.log(
  JSON.stringify({ total: results.length, ok: results.length - failed.length, failed }),
);
