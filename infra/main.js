// The program's entry for the Pulumi CLI: plain JavaScript, so that an old Node can say what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  const { RunError } = await import('@pulumi/pulumi');
  throw new RunError(
    `This program needs Node 22.19 or newer and runs on ${process.version}. ` +
      'The right one is among its packages: run "npm ci", then "npx pulumi up" instead of "pulumi up".',
  );
}

export const { mcpUrl, mcpKeys, clientConfig, caCertificate } = await import('./index.ts');
