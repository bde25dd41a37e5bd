/** Whether the engine reaches the registry that images are pushed to, and may log in. */
import { messageOf as engineWords, statusOf } from '../../local/engine-error.ts';
import { CommandError } from '../command-error.ts';
import type { Found, Ground } from './ground.ts';

/** Words of a registry that was reached and has no such image, or does not tell strangers. */
const ANSWERED =
  /manifest unknown|name unknown|not found|no such image|unauthorized|denied|authentication required/i;

export async function checkRegistry({ config, docker }: Ground): Promise<Found> {
  const path = config.get('registry');
  if (path === undefined) return {};
  const host = path.split('/')[0] ?? path;
  const username = config.get('registryUsername');
  const password = await config.getSecret('registryPassword');
  // Half a login is told by the check of the settings.
  if ((username === undefined) !== (password === undefined)) return {};
  try {
    if (username === undefined || password === undefined) {
      // The engine asks the registry for an image that need not be there.
      await docker.getImage(`${path}/lakehouse-mcp-preflight:none`).distribution();
      return { ok: `registry ${host}` };
    }
    await docker.checkAuth({ username, password, serveraddress: host });
    return { ok: `login to ${host} as ${username}` };
  } catch (error) {
    const words = engineWords(error);
    if (username === undefined && ANSWERED.test(words)) return { ok: `registry ${host}` };
    throw registryProblem({ host, username, words, status: statusOf(error) });
  }
}

/** What the engine's words about a registry mean. */
export function registryProblem(failure: {
  host: string;
  username: string | undefined;
  words: string;
  /** HTTP status of the engine's own answer. */
  status: number | undefined;
}): CommandError {
  const { host, username, words, status } = failure;
  const cause = words.replace(/^Get "?https?:\/\/\S+"?: /, '').trim();
  const problem = (message: string, ...advice: string[]) => new CommandError(message, { advice });
  if (/x509|certificate/i.test(words))
    return problem(
      `The TLS certificate of the registry ${host} is not trusted by the Docker engine: ${cause}.`,
      `Put the authority's certificate on every node: /etc/docker/certs.d/${host}/ca.crt`,
    );
  if (/HTTP response to HTTPS client/i.test(words))
    return problem(
      `The registry ${host} speaks plain HTTP.`,
      'Give it TLS. For a try-out, name it in "insecure-registries" of /etc/docker/daemon.json on every node.',
    );
  if (status === 401 || /unauthorized|denied|incorrect username or password/i.test(words))
    return problem(
      `The registry ${host} refuses the login as "${username}".`,
      'Type its password or token again: npm run up -- --set-secret registryPassword',
      'Or correct the user: npm run up -- --set registryUsername=…',
    );
  return problem(
    `The Docker engine does not reach the registry ${host}: ${cause}.`,
    'Correct its address: npm run up -- --set registry=registry.your-company.com/lakehouse',
  );
}
