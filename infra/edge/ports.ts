/** Ports inside the edge's container, all above 1024: it has no capability. */
export const HTTPS_PORT = 8443;
export const HTTP_PORT = 8080;
/** Of the edge and of the proxies: `/livez`, `/readyz`, `/startupz`, `/metrics`. */
export const OPERATIONS_PORT = 9090;
