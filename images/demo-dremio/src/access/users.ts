/** The users that may log in. Passwords are kept as keyed digests and compared in constant time. */
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

/** A user as configured or created. */
export interface NewUser {
  readonly userName: string;
  readonly password: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email?: string;
  /** Milliseconds since the Unix epoch; now when left out. */
  readonly createdAt?: number;
}

export type User = Omit<NewUser, 'password' | 'createdAt'> & {
  readonly id: string;
  readonly createdAt: number;
};

/** Dremio's rule: at least 8 characters, one digit, one letter (UserServiceUtils.java). */
export const PASSWORD_RULE = /(?=.*[0-9])(?=.*[a-zA-Z]).{8,}/s;

/** Why a new user is not acceptable, or undefined. */
export function problemWithUser({ userName, password }: NewUser): string | undefined {
  if (userName.trim() === '') return 'User name can not be empty';
  if (/[":]/.test(userName)) return `User name can not contain quotes or colons: ${userName}`;
  if (!PASSWORD_RULE.test(password))
    return 'Invalid password: must be at least 8 letters long, must contain at least one number and one letter';
  return undefined;
}

export class UserStore {
  readonly #users = new Map<string, { user: User; password: Buffer }>();
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  #digest(password: string): Buffer {
    return createHmac('sha256', this.#key).update(password).digest();
  }

  /** Adds a user. @throws Error when `problemWithUser` finds one or the name is taken. */
  add(newUser: NewUser): User {
    const problem = problemWithUser(newUser);
    if (problem) throw new Error(problem);
    if (this.#users.has(newUser.userName)) throw new Error(`User ${newUser.userName} exists`);
    const { password, ...rest } = newUser;
    const user = { ...rest, id: randomUUID(), createdAt: newUser.createdAt ?? this.#now() };
    this.#users.set(user.userName, { user, password: this.#digest(password) });
    return user;
  }

  get(userName: string): User | undefined {
    return this.#users.get(userName)?.user;
  }

  /** The user with this name and password, or undefined; both failures take the same time. */
  verify(userName: string, password: string): User | undefined {
    const known = this.#users.get(userName);
    const given = this.#digest(password);
    const same = timingSafeEqual(given, known?.password ?? this.#key);
    return same ? known?.user : undefined;
  }

  get all(): readonly User[] {
    return [...this.#users.values()].map(({ user }) => user);
  }

  get isEmpty(): boolean {
    return this.#users.size === 0;
  }
}
