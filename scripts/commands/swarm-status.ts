/** What the status says of a Swarm besides: its services, their updates, its nodes, the edge's certificate. */
import type { EdgeStatus } from '../mcp/edge.ts';
import { availabilityWord, type Node, type Service, updateTrouble } from '../stack/running.ts';
import type { ServiceStatus, StackStatus } from '../stack/stack-status.ts';
import { formatDuration } from '../terminal/duration.ts';
import type { Style } from '../terminal/style.ts';
import { printable, tableLines } from '../terminal/table.ts';
import { imageText, since, stateText } from './status-words.ts';

/** A certificate that ends sooner is worth a word, in seconds. ACME renews 30 days ahead. */
const SOON = 14 * 86_400;

/** Name and text of each line about what answers at the URL. */
export function edgeFacts(edge: EdgeStatus, style: Style): [string, string][] {
  const { address, certificate, problem } = edge;
  const where = address === null ? '' : ` (DNS does not know its name here; ${address} was called)`;
  return [
    [
      'Edge',
      problem === null
        ? `${style.good('answers')}${where}`
        : `${style.bad(printable(problem))}${where}`,
    ],
    ...(certificate === null
      ? []
      : [['Certificate', certificateText(certificate, style)] satisfies [string, string]]),
  ];
}

function certificateText(
  { issuer, validTo, secondsLeft }: NonNullable<EdgeStatus['certificate']>,
  style: Style,
): string {
  const by = `by ${printable(issuer)}`;
  if (secondsLeft <= 0) return `${style.bad(`expired at ${validTo}`)}, ${by}`;
  const left = `${formatDuration(secondsLeft * 1000)} left, until ${validTo}`;
  return `${secondsLeft < SOON ? style.warning(left) : left}, ${by}`;
}

/** Services with how many of their tasks run, then the tasks by node, then what is wrong with either. */
export function swarmTables({ services, swarm }: StackStatus, style: Style, now: Date): string[] {
  if (swarm === null) return [];
  return [
    ...serviceTable(swarm.services, services, style),
    '',
    ...taskTable(services, style, now),
    ...swarm.services.flatMap((service) => serviceTrouble(service, style, now)),
    ...swarm.nodes.flatMap((node) => nodeTrouble(node, style)),
  ];
}

function serviceTable(
  all: readonly Service[],
  tasks: readonly ServiceStatus[],
  style: Style,
): string[] {
  const rows = all.map(({ component, running, wanted, update }) => {
    const own = tasks.filter((task) => task.component === component);
    const count = `${running} of ${wanted}`;
    return [
      component,
      running < wanted ? style.bad(count) : style.good(count),
      updateText(update?.state, style),
      [...new Set(own.flatMap(({ ports }) => ports))].join(', ') || '-',
      [...new Set(own.map(imageText))].join(', ') || '-',
    ];
  });
  return tableLines(['Service', 'Running', 'Last update', 'Published', 'Image'], rows, {
    rule: true,
  });
}

function updateText(state: string | undefined, style: Style): string {
  if (state === undefined) return '-';
  if (state === 'completed') return 'completed';
  if (state === 'updating') return style.warning('under way');
  return style.bad(state.startsWith('rollback') ? 'rolled back' : state);
}

function taskTable(tasks: readonly ServiceStatus[], style: Style, now: Date): string[] {
  const rows = tasks.map((task) => [
    task.name,
    task.node ?? '-',
    stateText(task, style),
    since(task.startedAt, now),
    String(task.restarts),
  ]);
  return tableLines(['Task', 'Node', 'State', 'For', 'Failed before'], rows, {
    rule: true,
    right: new Set([4]),
  });
}

function serviceTrouble(service: Service, style: Style, now: Date): string[] {
  const { component, update, failure, running, wanted } = service;
  const lines: string[] = [];
  const trouble = update === null ? undefined : updateTrouble(update.state);
  if (update !== null && trouble !== undefined) {
    const ago = update.since === null ? '' : `, ${since(update.since, now)} ago`;
    lines.push(`  ${style.bad(trouble)}${ago}: ${printable(update.message)}`);
  }
  if (failure !== null && (running < wanted || lines.length > 0))
    lines.push(
      `  last failed task, ${since(failure.time, now)} ago on ${failure.node}: ${printable(failure.error)}`,
    );
  return lines.length === 0 ? [] : ['', component, ...lines];
}

/** A node that takes no services, with the command that lets it. */
export function nodeTrouble({ name, availability, state, carries }: Node, style: Style): string[] {
  const lost = carries.join(', ');
  if (state !== 'ready')
    return [
      '',
      `${style.bad(`Node ${name} is ${state}`)}: nothing runs there (${lost}) until its Docker engine answers again; on it: systemctl start docker`,
    ];
  if (availability === 'active') return [];
  const word = availabilityWord(availability);
  const effect = availability === 'drain' ? 'nothing runs there' : 'nothing new starts there';
  return [
    '',
    `${style.bad(`Node ${name} is ${word}`)}: ${effect} (${lost}) until: docker node update --availability active ${name}`,
  ];
}
