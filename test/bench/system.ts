/** A mail system under test: where the load goes in. It delivers to the one sink. */
export interface System extends AsyncDisposable {
  readonly name: string;
  readonly title: string;
  readonly host: string;
  readonly port: number;
  readonly recipient: string;
  /** Part of the number of messages that one round sends: a slow system gets fewer. */
  readonly share: number;
  /** Process ids whose processor time is its own, where they are known. */
  readonly processIds: () => ReadonlyMap<string, number>;
  /** What it says of itself, shown when a round fails. */
  readonly log: () => Promise<string>;
}

/** Whose mail it is. */
export const SENDER = 'alice@acme.example';
