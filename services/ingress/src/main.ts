/**
 * ingress: takes mail by SMTP, from partners, logins and inner hosts.
 *
 * Reads     its options file (the one argument), TLS key, password file, public spool key.
 * Writes    spool `tmp`; renames to `incoming`, and judged results to `outgoing` and `hold`;
 *           tells the recorder.
 * Trusts    worker inward to have judged; never a byte of a client.
 * Exposure  SMTP ports to the world; no parser for MIME, CMS or certificates; cannot open what
 *           it has written.
 * Standards RFC 5321, 1870, 2034, 2920, 3207, 3461, 3463, 4954, 6152, 6531, 8314, 8689.
 *
 * Limits    no CHUNKING and no BINARYMIME (RFC 3030); no PROXY protocol.
 */
import { run } from './run.ts';

await run(process.argv[2], process.argv[3]);
