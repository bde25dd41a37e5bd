// Makes sure that the dependencies are installed and prints the folder of the Node that the project pins. Runs on
// any Node from 20 on, as scripts/lakehouse.mjs does for the commands of `npm run`.
import { fileURLToPath } from 'node:url';
import { installDependencies, whatIsMissing } from '../entry/dependencies.mjs';
import { chooseNode, MINIMUM_NODE } from '../entry/pinned-node.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));

const missing = whatIsMissing(project);
if (missing !== undefined) {
  process.stderr.write(`Dependencies: ${missing}. Installing them with npm ci …\n`);
  const problem = await installDependencies(project);
  if (problem !== undefined) stop(problem);
}
const node = chooseNode(project);
if (node === undefined)
  stop(
    `No Node that can run this project: it needs ${MINIMUM_NODE} or newer, this is ${process.version}.\n` +
      'Install Node 24 from https://nodejs.org, then run the command again.',
  );
else process.stdout.write(`${node.folder}\n`);

/** @param {string} message */
function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
