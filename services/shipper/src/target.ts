import { never } from '@sallyport/mail';
import { fileTarget } from './file-target.ts';
import { httpsTarget } from './https-target.ts';
import type { TargetOptions } from './options.ts';
import { syslogTarget } from './syslog-target.ts';

/** A head as it goes out. */
export interface Checkpoint {
  readonly size: number;
  readonly time: string;
  /** `headHash`, hexadecimal. */
  readonly hash: string;
  /** One line of JSON without its end: `sallyport audit verify --against` takes it. */
  readonly text: string;
}

/** What came of one copy. `away` is tried again. */
export type Shipped =
  | { readonly kind: 'shipped' }
  | { readonly kind: 'away'; readonly reason: string };

/** A place that gets copies. */
export interface Target {
  /** For logs and for the name of its state: where it goes, no secret. */
  readonly name: string;
  /** Resolves when the other side has it, as far as it can tell. */
  ship(checkpoint: Checkpoint): Promise<Shipped>;
}

/** The target that the options describe. */
export function createTarget(options: TargetOptions, gatewayName: string): Target {
  switch (options.kind) {
    case 'file':
      return fileTarget(options);
    case 'syslog':
      return syslogTarget(options, gatewayName);
    case 'https':
      return httpsTarget(options);
    default:
      return never(options);
  }
}
