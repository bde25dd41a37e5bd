/** `/api/v3/sql` and `/api/v3/job` (SQLResource.java, JobResource.java, JobStatus.java, JobResourceData.java). */
import { empty, json, rawJson, refuse } from '../http/answer.ts';
import { jsonObject, textField } from '../http/body.ts';
import type { Call, Route } from '../http/route.ts';
import type { Job, JobStore } from './jobs.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;
const QUEUE = { queueName: 'SMALL', queueId: 'SMALL' } as const;

export interface JobRouteParts {
  readonly jobs: JobStore;
  /** How long `POST /api/v3/sql` waits for the job to end before it answers, in milliseconds. */
  settleMs(): number;
}

function jobOf({ jobs }: JobRouteParts, { params }: Call): Job {
  const id = params.id ?? '';
  const job = jobs.get(id);
  if (!job) throw refuse(404, `Could not find a job with id [${id}]`);
  return job;
}

const isoTime = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

function contextOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((part) => typeof part === 'string'))
    throw refuse(400, 'The field "context" must be a list of strings');
  return value;
}

const submit = (parts: JobRouteParts) => async (call: Call) => {
  const body = jsonObject(call);
  const sql = textField(body, 'sql');
  if (sql === undefined) throw refuse(400, 'The field "sql" is required');
  const { id } = parts.jobs.submit({
    userName: call.user?.userName ?? '',
    sql,
    context: contextOf(body.context),
  });
  await parts.jobs.settle(id, parts.settleMs());
  return json(200, { id });
};

const status = (parts: JobRouteParts) => (call: Call) => {
  const job = jobOf(parts, call);
  return json(200, {
    jobState: job.state,
    rowCount: job.result?.rows.length ?? 0,
    errorMessage: job.errorMessage,
    startedAt: isoTime(job.startedAt),
    endedAt: isoTime(job.endedAt),
    queryType: 'REST',
    ...QUEUE,
    resourceSchedulingStartedAt: isoTime(job.startedAt),
    resourceSchedulingEndedAt: isoTime(job.startedAt),
    cancellationReason: job.cancellationReason,
  });
};

/** A whole number from the query; as in JAX-RS anything else is "not found". */
function integer({ query }: Call, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw refuse(
      404,
      `HTTP 404 Not Found: QueryParam ${name} (default: ${fallback}). For input string: "${text}"`,
    );
  const value = Number(text);
  if (value < 0) throw refuse(400, `${name} is ${value}; expected 0 or more`);
  return value;
}

const results = (parts: JobRouteParts) => (call: Call) => {
  const offset = integer(call, 'offset', 0);
  const limit = integer(call, 'limit', DEFAULT_LIMIT);
  if (limit > MAX_LIMIT) throw refuse(400, `limit can not exceed ${MAX_LIMIT} rows`);
  const { state, result } = jobOf(parts, call);
  if (!result) throw refuse(400, `Can not fetch details for a job that is in [${state}] state.`);
  const rows = result.rows.slice(offset, offset + limit);
  return rawJson(
    200,
    `{"rowCount":${result.rows.length},"schema":${JSON.stringify(result.columns)},"rows":[${rows.join(',')}]}`,
  );
};

const cancel = (parts: JobRouteParts) => (call: Call) => {
  const { id } = jobOf(parts, call);
  parts.jobs.cancel(id, `Query cancelled by user '${call.user?.userName}'`);
  return empty(204);
};

export const jobRoutes = (parts: JobRouteParts): Route[] => [
  { method: 'POST', path: '/api/v3/sql', access: 'token', handle: submit(parts) },
  { method: 'GET', path: '/api/v3/job/:id', access: 'token', handle: status(parts) },
  { method: 'GET', path: '/api/v3/job/:id/results', access: 'token', handle: results(parts) },
  { method: 'POST', path: '/api/v3/job/:id/cancel', access: 'token', handle: cancel(parts) },
];
