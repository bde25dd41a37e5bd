/** A Dremio that answers every request with a small object, to those who have the token of the moment. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface QuickDremio {
  readonly url: string;
  /** The only token taken from now on; undefined = anything is. */
  token: string | undefined;
  close(): void;
}

export async function quickDremio(): Promise<QuickDremio> {
  const body = JSON.stringify({ jobState: 'COMPLETED', rowCount: 1 });
  const server = createServer((request, response) => {
    const { token } = dremio;
    const open = request.url?.startsWith('/apiv2/login') || token === undefined;
    const allowed = open || request.headers.authorization?.endsWith(` ${token}`);
    request.resume();
    response.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' }).end(body);
  });
  const dremio: QuickDremio = {
    url: '',
    token: undefined,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(dremio, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
}
