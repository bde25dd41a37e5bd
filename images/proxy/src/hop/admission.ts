/** Who may use the hop: each child has a random credential of its own, valid as long as the child lives. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const digest = (text: string) => createHash('sha256').update(text).digest();

export class Admission {
  readonly #digests = new Set<Buffer>();

  /** A new credential, and the way to make it worthless. */
  admit(): { credential: string; revoke(): void } {
    const credential = randomBytes(32).toString('base64url');
    const hash = digest(credential);
    this.#digests.add(hash);
    return { credential, revoke: () => this.#digests.delete(hash) };
  }

  /** True when an Authorization header carries a valid credential; takes the same time either way. */
  allows(header: string | undefined): boolean {
    const given = digest(/^Bearer (\S+)$/i.exec(header ?? '')?.[1] ?? '');
    let allowed = false;
    for (const hash of this.#digests) allowed = timingSafeEqual(hash, given) || allowed;
    return allowed;
  }
}
