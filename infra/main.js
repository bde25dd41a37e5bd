// The program's entry for the Pulumi CLI: plain JavaScript, so that an old Node can say what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  const { RunError } = await import('@pulumi/pulumi');
  throw new RunError(
    `This program needs Node 22.19 or newer and runs on ${process.version}. ` +
      'The right one is among its packages: run "npm ci", then PATH="$PWD/node_modules/.bin:$PATH" pulumi up.',
  );
}

const outputs = Object.entries(await import('./index.ts'));
// As one object and not as exports of their own: of an export without a value the CLI warns at every run.
// biome-ignore lint/style/noDefaultExport: how a Pulumi program leaves an output out.
export default Object.fromEntries(outputs.filter(([, value]) => value !== undefined));
