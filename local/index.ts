/**
 * Runs a Pulumi program against the Docker engine without the Pulumi CLI: for trying out and for
 * tests. The real engine is `pulumi up`.
 *
 * Each run starts the program in a process of its own, so every function can be called as often
 * as wanted. One run at a time has a stack; another is refused with who holds it.
 */

export { assertOwner, claimStack, releaseStack, type StackEngine } from './claim.ts';
export { encryptSecret, newEncryptionSalt } from './crypter.ts';
export { destroy } from './destroy.ts';
export { RunnerError } from './errors.ts';
export { outputs } from './outputs.ts';
export { preview } from './preview.ts';
export type * from './types.ts';
export { up } from './up.ts';
