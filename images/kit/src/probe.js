// Docker HEALTHCHECK: `node probe.js readyz`. Exit 0 when the operations port answers 200, else 1 with its answer.
// Plain JavaScript, because it runs every few seconds and starting without type stripping is cheaper.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const path = process.argv[2] ?? 'readyz';
const port = process.env.OPERATIONS_PORT || '9090';

/** Less than the engine gives a probe: 5 s where `/readyz` is the health check, 20 s where `/startupz` is. */
const PATIENCE_MS = path === 'startupz' ? 10_000 : 4_000;
const AGAIN_MS = 200;
const end = performance.now() + PATIENCE_MS;
const left = () => Math.round(end - performance.now());

/** @returns {Promise<{ ok: boolean, text: string }>} */
const ask = () =>
  new Promise((resolve) => {
    const call = request(
      { host: '127.0.0.1', port, path: `/${path}`, timeout: left() },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ ok: response.statusCode === 200, text }));
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${PATIENCE_MS / 1_000} s`)));
    call.on('error', ({ message }) =>
      resolve({ ok: false, text: `operations port ${port}: ${message}` }),
    );
    call.end();
  });

let answer = await ask();
// An engine probes a start every 10 s: waited for here, one that comes in between is seen at once.
while (path === 'startupz' && !answer.ok && left() > 2 * AGAIN_MS) {
  await sleep(AGAIN_MS);
  answer = await ask();
}
process.stdout.write(`${answer.text.trim()}\n`, () => process.exit(answer.ok ? 0 : 1));
