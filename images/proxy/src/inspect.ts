/** A look at the files that the settings name, before the start: each problem in words, with what mends it. */
import { readCertificates } from '../../kit/src/certificates.ts';
import { problemWithFile } from '../../kit/src/named-file.ts';
import { readSecrets } from './era/session-secrets.ts';
import { readKeys } from './front/key-file.ts';
import { type ProxySettings, proxySettings as schema } from './settings.ts';
import { readArguments } from './upstream/http/arguments-file.ts';
import { readHeaders } from './upstream/http/headers-file.ts';

/** @returns a line for each file that cannot be used; settings that are not there are passed over */
export async function inspectFiles(settings: Partial<ProxySettings>): Promise<readonly string[]> {
  const problems = await Promise.all([
    problemWithFile(schema.keysFile, settings.keysFile, readKeys),
    problemWithFile(schema.sessionSecretFile, settings.sessionSecretFile, readSecrets),
    problemWithFile(schema.dremioCaFile, settings.dremioCaFile, readCertificates),
    problemWithFile(schema.upstreamCaFile, settings.upstreamCaFile, readCertificates),
    problemWithFile(schema.upstreamHeadersFile, settings.upstreamHeadersFile, readHeaders),
    problemWithFile(schema.upstreamArgumentsFile, settings.upstreamArgumentsFile, readArguments),
  ]);
  return problems.flat();
}
