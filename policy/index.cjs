// The pack's entry for the Pulumi CLI: plain JavaScript, so that an old Node can say what is wrong, and CommonJS, since
// the CLI's host loads it with require() and calls the function that it gets
// (pulumi/pulumi:sdk/nodejs/cmd/run-policy-pack/run.ts@v3.259.0).
const { RunError } = require('@pulumi/pulumi');

module.exports = async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 19))
    throw new RunError(
      `The policy pack needs Node 22.19 or newer and runs on ${process.version}. ` +
        'The right one is among the packages: run "npm ci", then PATH="$PWD/node_modules/.bin:$PATH" pulumi preview --policy-pack policy.',
    );
  const { packContext } = await import('./context.ts');
  const { policiesFor } = await import('./pack.ts');
  const { PolicyPack } = require('@pulumi/policy');
  new PolicyPack('lakehouse-mcp', { policies: policiesFor(packContext()) });
};
