/** Longer texts of `--help`. */

export const EXAMPLES = `
Examples:
  npm run up                                     the demo, from a fresh clone to a working URL
  npm run up -- --set demo=false --set dremioUrl=https://dremio.example:9047 \\
      --set dremioUsername=analyst --set-secret dremioPassword
                                                 your own Dremio; the password is asked for
  npm run query -- "SELECT 1"                    ask through the MCP URL
  npm run -s output -- mcpKeys --show-secrets    the key that MCP clients send
  npm run status                                 what runs, and how the token is
  npm run logs -- proxy --follow                 what the proxy says
  npm run preview -- --stack prod                what up would change in production
  npm run rotate -- mcp-key                      a new key for MCP clients beside the present one
  npm run doctor                                 what is wrong, and what fixes it
  npm run down -- --delete-data                  remove everything

npm keeps options for itself that do not stand behind "--". Options of npm's own: "npm run -s" leaves out
npm's two header lines, which matters where the output is read by a program.
`;

export const EXIT_CODES = `
Exit codes:
    0  it worked
    1  it failed; the message says why and what helps
    2  the command line or a setting is wrong
    3  no Docker engine answers
    4  the stack is not ready, or not deployed
  130  interrupted with Ctrl-C; "up" goes on where it stopped
`;

export const ROTATE_HELP = `
mcp-key          A new key becomes valid beside the present one. When every client has it, --finish ends the old one.
                 Keys that you gave yourself (mcpKey, mcpKeys) are yours to change; it says how.
dremio-password  Asks for the new password, or reads it from standard input, tries it, and gives it to the refresher.
session-secret   Session ids are signed anew; ids of the secret before are still accepted.

While it works it calls the URL four times a second as a client does, and says at the end how many calls failed.
`;

export const UP_HELP = `
What it does, in this order: makes sure that a Docker engine answers (as root on Debian or Ubuntu it installs and
starts one, saying so first), checks disk, ports and the login to Dremio, for production also Swarm, registry and
certificate, picks the engine of deployment (what made the stack; else the Pulumi CLI on PATH; else its official
download; else the runner in local/), gets the base image (pulls it, or builds one from Debian packages; production
takes what is named and pinned, and builds none), deploys, waits until ready, runs a query through the URL.

A production stack is the Pulumi CLI's; with --engine local --trial the runner makes it to try it out.

Settings are listed with their meaning in docs/settings.md. What you set is kept in .lakehouse/<stack>/, which git
ignores; secrets there are encrypted. The password of Dremio may also come from the environment variable
DREMIO_PASSWORD. DOCKER_HOST, or the setting docker:host, names another Docker engine. PULUMI_BACKEND_URL,
PULUMI_ACCESS_TOKEN and PULUMI_CONFIG_PASSPHRASE(_FILE) replace the backend and passphrase in .lakehouse/.
`;
