// Sends the same frames to the reference graphql-transport-ws server and to ours, and compares.
//   node socket_frames.mjs URL TOKEN
// Prints {"cases": n, "deviations": [{"name", "reference", "ours"}]}; a deviation with a reason in
// EXPLAINED is listed under "explained".
import { createServer } from 'node:http';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';

const [url, token] = process.argv.slice(2);
const QUIET_MS = 400;
const INIT = { type: 'connection_init', payload: { Authorization: `Bearer ${token}` } };
const QUERY = '{ __typename }';
const TAIL = 'subscription { logTail(text: "no line has this text") { skipped } }';
const subscribe = (id, payload = { query: QUERY }) => ({ type: 'subscribe', id, payload });
const deep = '['.repeat(100_000) + ']'.repeat(100_000);

// A step is an object (sent as JSON), text (sent as it is), a Buffer (sent as binary), or 'ack'.
const ACK = Symbol('wait for the acknowledgement');
const CASES = {
  'init': [INIT],
  'init without payload, then ping': [INIT, ACK, { type: 'ping' }],
  'init payload null': [{ type: 'connection_init', payload: null }, { ...INIT, type: 'ping', payload: null }],
  'init payload text': [{ type: 'connection_init', payload: 'x' }],
  'init payload list': [{ type: 'connection_init', payload: [] }],
  'init payload number': [{ type: 'connection_init', payload: 1 }],
  'two inits': [INIT, ACK, INIT],
  'two inits at once': [INIT, INIT],
  'message list': [INIT, ACK, []],
  'message text': [INIT, ACK, '"x"'],
  'message number': [INIT, ACK, '1'],
  'message null': [INIT, ACK, 'null'],
  'message true': [INIT, ACK, 'true'],
  'message empty object': [INIT, ACK, {}],
  'message empty': [INIT, ACK, ''],
  'message no json': [INIT, ACK, '{'],
  'message deep': [INIT, ACK, deep],
  'binary message': [INIT, ACK, Buffer.from([0xff, 0x00])],
  'first message no json': ['hello'],
  'type missing': [INIT, ACK, { id: '1' }],
  'type null': [INIT, ACK, { type: null }],
  'type number': [INIT, ACK, { type: 1 }],
  'type unknown': [INIT, ACK, { type: 'start', id: '1', payload: { query: QUERY } }],
  'type of the old protocol': [{ type: 'connection_terminate' }],
  'ping before init': [{ type: 'ping' }],
  'ping with payload': [INIT, ACK, { type: 'ping', payload: { at: 1 } }],
  'ping payload text': [INIT, ACK, { type: 'ping', payload: 'x' }],
  'pong before init': [{ type: 'pong' }],
  'pong with payload': [INIT, ACK, { type: 'pong', payload: { at: 1 } }],
  'pong payload list': [INIT, ACK, { type: 'pong', payload: [1] }],
  'subscribe before init': [subscribe('1')],
  'query': [INIT, ACK, subscribe('1')],
  'query with an odd id': [INIT, ACK, subscribe('{"a": "\u00e9"}')],
  'two queries': [INIT, ACK, subscribe('1'), subscribe('2')],
  'same id after completion': [INIT, ACK, subscribe('1'), 'sleep', subscribe('1')],
  'id missing': [INIT, ACK, { type: 'subscribe', payload: { query: QUERY } }],
  'id empty': [INIT, ACK, subscribe('')],
  'id object': [INIT, ACK, subscribe({})],
  'id list': [INIT, ACK, subscribe([1])],
  'id number': [INIT, ACK, subscribe(1)],
  'id null': [INIT, ACK, subscribe(null)],
  'payload missing': [INIT, ACK, { type: 'subscribe', id: '1' }],
  'payload text': [INIT, ACK, subscribe('1', 'x')],
  'payload null': [INIT, ACK, subscribe('1', null)],
  'payload list': [INIT, ACK, subscribe('1', [])],
  'query missing': [INIT, ACK, subscribe('1', {})],
  'query null': [INIT, ACK, subscribe('1', { query: null })],
  'query number': [INIT, ACK, subscribe('1', { query: 1 })],
  'query empty': [INIT, ACK, subscribe('1', { query: '' })],
  'query with a syntax error': [INIT, ACK, subscribe('1', { query: '{' })],
  'query of an unknown field': [INIT, ACK, subscribe('1', { query: '{ nothing }' })],
  'variables text': [INIT, ACK, subscribe('1', { query: QUERY, variables: 'x' })],
  'variables list': [INIT, ACK, subscribe('1', { query: QUERY, variables: [] })],
  'variables null': [INIT, ACK, subscribe('1', { query: QUERY, variables: null })],
  'operationName number': [INIT, ACK, subscribe('1', { query: QUERY, operationName: 1 })],
  'operationName null': [INIT, ACK, subscribe('1', { query: QUERY, operationName: null })],
  'operationName unknown': [INIT, ACK, subscribe('1', { query: QUERY, operationName: 'x' })],
  'extensions text': [INIT, ACK, subscribe('1', { query: QUERY, extensions: 'x' })],
  'extensions null': [INIT, ACK, subscribe('1', { query: QUERY, extensions: null })],
  'extensions object': [INIT, ACK, subscribe('1', { query: QUERY, extensions: { a: 1 } })],
  'unknown members': [INIT, ACK, { ...subscribe('1'), more: 1 }],
  'subscription': [INIT, ACK, subscribe('1', { query: TAIL })],
  'same id twice': [INIT, ACK, subscribe('1', { query: TAIL }), subscribe('1', { query: TAIL })],
  'same id after complete': [
    INIT, ACK, subscribe('1', { query: TAIL }), { type: 'complete', id: '1' }, 'sleep',
    subscribe('1'),
  ],
  'complete of nothing': [INIT, ACK, { type: 'complete', id: 'x' }],
  'complete before init': [{ type: 'complete', id: 'x' }],
  'complete without id': [INIT, ACK, { type: 'complete' }],
  'complete with an empty id': [INIT, ACK, { type: 'complete', id: '' }],
  'subscription that does not fit': [INIT, ACK, subscribe('1', { query: 'subscription { nothing }' })],
  'server message ack': [INIT, ACK, { type: 'connection_ack' }],
  'server message next': [INIT, ACK, { type: 'next', id: '1', payload: {} }],
  'server message error': [INIT, ACK, { type: 'error', id: '1', payload: [{ message: 'x' }] }],
};
const UNORDERED = 'the order between two operations is not defined; ours answers one after the other';
const ERROR = 'the protocol has the error message for it; the reference closes with an internal error';
const EXPLAINED = {
  'two inits at once': 'frames are handled in turn: the first is acknowledged before the second is read',
  'two queries': UNORDERED,
  'query empty': ERROR,
  'query with a syntax error': ERROR,
  'server message ack': 'a client has no business sending it: 4400 rather than an internal error',
  'server message next': 'a client has no business sending it: 4400 rather than an internal error',
  'server message error': 'a client has no business sending it: 4400 rather than an internal error',
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns the frames that came back, reduced to what the protocol says, and the close code. */
async function outcome(target, steps, protocol = 'graphql-transport-ws') {
  const socket = new WebSocket(target, protocol);
  const frames = [];
  let closed = null;
  const closing = new Promise((resolve) => {
    socket.on('close', (code) => { closed = code; resolve(); });
    socket.on('error', () => resolve());
  });
  socket.on('message', (data) => {
    const { type, id, payload } = JSON.parse(data);
    frames.push({ type, ...(id === undefined ? {} : { id }), ...(type === 'pong' ? { payload } : {}) });
  });
  await new Promise((resolve) => { socket.on('open', resolve); socket.on('error', resolve); });
  for (const step of steps) {
    if (step === ACK) {
      for (let waited = 0; waited < 3_000 && !frames.some((f) => f.type === 'connection_ack') && closed === null; waited += 10) await pause(10);
    } else if (step === 'sleep') {
      await pause(QUIET_MS);
    } else if (socket.readyState === WebSocket.OPEN) {
      socket.send(typeof step === 'string' || Buffer.isBuffer(step) ? step : JSON.stringify(step));
    }
  }
  await Promise.race([closing, pause(QUIET_MS)]);
  socket.terminate();
  return JSON.stringify({ frames, closed });
}

async function reference() {
  const schema = buildSchema(
    'type Query { a: Int } type Tail { skipped: Int } type Subscription { logTail(text: String): Tail }',
  );
  const http = createServer();
  const never = { async *logTail() { await new Promise(() => {}); } };
  useServer(
    { schema, roots: { subscription: never } },
    new WebSocketServer({ server: http, handleProtocols: (protocols) => [...protocols][0] ?? false }),
  );
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { http, target: `ws://127.0.0.1:${http.address().port}/graphql` };
}

console.error = () => {};
const { http, target } = await reference();
const ours = url.replace(/^http/, 'ws');
const deviations = [];
const explained = [];
const names = Object.entries(CASES);
for (const [name, steps] of names) {
  const [expected, found] = await Promise.all([outcome(target, steps), outcome(ours, steps)]);
  if (expected !== found) {
    const one = { name, reference: expected, ours: found };
    if (EXPLAINED[name]) explained.push({ ...one, reason: EXPLAINED[name] });
    else deviations.push(one);
  }
}
for (const protocol of ['graphql-ws', 'soap']) {
  const [expected, found] = await Promise.all([
    outcome(target, [INIT], protocol), outcome(ours, [INIT], protocol),
  ]);
  names.push([protocol]);
  if (expected !== found) deviations.push({ name: protocol, reference: expected, ours: found });
}
console.log(JSON.stringify({ cases: names.length, deviations, explained }, null, 1));
http.closeAllConnections();
http.close();
process.exit(0);
