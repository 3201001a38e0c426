import type { Logger } from '@sallyport/log';
import { type Clock, parseDomain } from '@sallyport/mail';
import { MAX_CRL_BYTES, parseCrl } from '@sallyport/pki';
import { searchKey } from '@sallyport/published';
import type { DirectoryOptions } from './options.ts';
import { WatchedFile } from './watched-file.ts';

const MAX_STATEMENT_BYTES = 1024 * 1024;

/** The CRL of our CA and what it is found by (RFC 4387 section 2.2). */
interface PublishedCrl {
  readonly der: Buffer;
  readonly iHash: string;
  readonly sKIDHash: string | null;
}

/** The files that are served as they are: signed statements and the CRL of our CA. */
export class PublishedFiles {
  readonly #statements: ReadonlyMap<string, WatchedFile<Buffer>>;
  readonly #crl: WatchedFile<PublishedCrl> | null;

  constructor(
    options: Pick<DirectoryOptions, 'statements' | 'crlFile'>,
    ports: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#statements = new Map(
      options.statements.map(({ domain, file }) => [
        domain,
        new WatchedFile({
          path: file,
          maxBytes: MAX_STATEMENT_BYTES,
          parse: (bytes) => bytes,
          ...ports,
        }),
      ]),
    );
    const path = options.crlFile;
    this.#crl =
      path === undefined
        ? null
        : new WatchedFile({ path, maxBytes: MAX_CRL_BYTES, parse: readCrl, ...ports });
  }

  /** The statement of a domain; of our first one if none is named. Null if there is none. */
  async statement(domain: string | null): Promise<Buffer | null> {
    const [first] = this.#statements.values();
    const file = domain === null ? first : this.#statements.get(parseDomain(domain) ?? '');
    return (await file?.current()) ?? null;
  }

  async crl(): Promise<PublishedCrl | null> {
    return (await this.#crl?.current()) ?? null;
  }
}

function readCrl(der: Buffer): PublishedCrl {
  const parsed = parseCrl(der);
  if (parsed.kind === 'malformed') throw new Error(`the CRL is malformed: ${parsed.reason}`);
  const { issuerName, authorityKeyId } = parsed.value;
  return {
    der,
    iHash: searchKey(issuerName.der),
    sKIDHash: authorityKeyId === null ? null : searchKey(authorityKeyId),
  };
}
