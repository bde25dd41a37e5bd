import { fileURLToPath } from 'node:url';

/** Environment that spares each process but the first the stripping of types, as the images do. */
export const compileCache = {
  NODE_COMPILE_CACHE: fileURLToPath(
    new URL('../../node_modules/.cache/test-compile', import.meta.url),
  ),
} as const;
