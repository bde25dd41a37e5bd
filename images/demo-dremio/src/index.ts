/** The public face of the stand-in, for tests and for `main.ts`. See README.md for how to use it. */
export {
  fingerprintOf,
  type IssuedToken,
  type TokenState,
  type TokenStore,
} from './access/tokens.ts';
export type { NewUser, User, UserStore } from './access/users.ts';
export type { Fault, FaultAnswer, FaultPattern, FaultPlan } from './control/faults.ts';
export type { RequestEntry, RequestLog, RequestMatcher } from './control/request-log.ts';
export type { Job, JobState } from './jobs/jobs.ts';
export { DEFAULT_VERSION, DEMO_USER, type DemoDremioOptions, type Edition } from './options.ts';
export { type DemoDremio, type DemoEvents, start } from './start.ts';
