// Docker HEALTHCHECK: `node probe.js readyz`. Exit 0 when the operations port answers 200, else 1 with its answer.
// Plain JavaScript, because it runs every few seconds and starting without type stripping is cheaper.
import { request } from 'node:http';

const path = process.argv[2] ?? 'readyz';
const port = process.env.OPERATIONS_PORT || '9090';

/** @param {string} text @param {number} code */
const end = (text, code) => {
  process.stdout.write(`${text.trim()}\n`, () => process.exit(code));
};

const call = request({ host: '127.0.0.1', port, path: `/${path}`, timeout: 4000 }, (response) => {
  let body = '';
  response.setEncoding('utf8');
  response.on('data', (chunk) => {
    body += chunk;
  });
  response.on('end', () => end(body, response.statusCode === 200 ? 0 : 1));
});
call.on('timeout', () => call.destroy(new Error('no answer within 4 s')));
call.on('error', (error) => end(`operations port ${port}: ${error.message}`, 1));
call.end();
