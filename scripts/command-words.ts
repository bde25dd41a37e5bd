/** How a command of this stack is typed, for advice. */
export function commandFor(stack: string, command: string, words = ''): string {
  return forStack(words === '' ? `npm run ${command}` : `npm run ${command} -- ${words}`, stack);
}

/** Texts name commands as they are typed for the stack `dev`; this names another stack in them. */
export function forStack(text: string, stack: string): string {
  if (stack === 'dev') return text;
  return text.replace(
    /\bnpm run (-s )?(up|down|preview|rotate|output|status|query|logs|doctor|pin|sbom)\b(?!(?: --)? --stack)(?: --(?= ))?/g,
    (_, silent = '', command) => `npm run ${silent}${command} -- --stack ${stack}`,
  );
}
