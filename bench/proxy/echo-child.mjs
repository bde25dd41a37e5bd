/**
 * The MCP server of the benchmark: a stdio program that costs as little as it can, so that what is measured is what
 * stands in front of it. Plain JavaScript: bridges that start it for each session or request pay nothing for types.
 */
import { readFileSync } from 'node:fs';

const EMPTY = { type: 'object' };
const TOOLS = ['echo', 'sleep', 'big', 'ask'].map((name) => ({ name, inputSchema: EMPTY }));

/** @param {unknown} id @param {unknown} result */
const answer = (id, result) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`);
/** @param {unknown} id @param {string} text */
const say = (id, text) => answer(id, { content: [{ type: 'text', text }] });

/**
 * Asks Dremio as the official server does, and in turns with it, if given, the address `direct`.
 * @param {{ times?: number, direct?: string }} given
 */
async function ask({ times = 1, direct }) {
  const http = await import('node:http');
  const agent = new http.Agent({ keepAlive: true });
  const file = process.argv[process.argv.indexOf('-c') + 1] ?? '';
  const { dremio } = JSON.parse(readFileSync(file, 'utf8'));
  const authorization = `Bearer ${readFileSync(dremio.pat.slice(1), 'utf8')}`;
  /** @param {string} base @returns {Promise<{ ms: number, status: number | undefined }>} */
  const once = (base) =>
    new Promise((resolve, reject) => {
      const begin = performance.now();
      http
        .get(`${base}/api/v3/job/1`, { agent, headers: { authorization } }, (response) => {
          response.resume();
          response.once('end', () =>
            resolve({ ms: performance.now() - begin, status: response.statusCode }),
          );
        })
        .once('error', reject);
    });
  const through = [];
  const straight = [];
  for (let turn = 0; turn < times; turn++) {
    through.push(await once(dremio.uri));
    if (direct) straight.push(await once(direct));
  }
  agent.destroy();
  return JSON.stringify({ through, straight });
}

/** @param {{ id?: unknown, method?: string, params?: any }} message */
function take({ id, method, params }) {
  if (id === undefined || method === undefined) return;
  if (method === 'tools/call') {
    const given = params.arguments;
    if (params.name === 'echo') say(id, given.text);
    else if (params.name === 'sleep') setTimeout(say, given.ms, id, 'awake');
    else if (params.name === 'big') say(id, 'x'.repeat(given.bytes));
    else ask(given).then((text) => say(id, text));
  } else if (method === 'initialize')
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'echo', version: '1' },
    });
  else if (method === 'tools/list') answer(id, { tools: TOOLS });
  else if (method === 'ping') answer(id, {});
  else {
    const error = { code: -32601, message: 'Method not found' };
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`);
  }
}

let rest = '';
process.stdin.setEncoding('utf8').on('data', (piece) => {
  const lines = (rest + piece).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) take(JSON.parse(line));
});
process.stdin.on('end', () => process.exit(0));
