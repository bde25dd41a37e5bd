/** What a look at one thing found. */
export interface Finding {
  readonly state: 'ok' | 'wrong' | 'skipped';
  readonly what: string;
  /** For people; never a secret. */
  readonly text: string;
}

export const ok = (what: string, text: string): Finding => ({ state: 'ok', what, text });
export const wrong = (what: string, text: string): Finding => ({ state: 'wrong', what, text });
export const skipped = (what: string, text: string): Finding => ({ state: 'skipped', what, text });
