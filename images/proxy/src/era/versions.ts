/** Protocol revisions that open with `initialize`, oldest first; their names sort by date. */
export const LEGACY_VERSIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const;
export type LegacyVersion = (typeof LEGACY_VERSIONS)[number];

/** The first revision with streams that a client may leave and come back to, told so by an event without a message. */
export const POLLING_VERSION: LegacyVersion = '2025-11-25';
/** The one revision with JSON-RPC batches. */
export const BATCH_VERSION: LegacyVersion = '2025-03-26';

export const isLegacyVersion = (text: unknown): text is LegacyVersion =>
  LEGACY_VERSIONS.some((version) => version === text);

/**
 * The revision of a session: the client's own when we and the server know it, else the newest that the server
 * speaks. A server that negotiated a revision speaks the older ones too, as every SDK does.
 */
export function negotiate(asked: unknown, server: string): LegacyVersion {
  const known = LEGACY_VERSIONS.filter((version) => version <= server);
  const same = known.find((version) => version === asked);
  return same ?? known.at(-1) ?? LEGACY_VERSIONS[0];
}
