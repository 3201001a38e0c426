/** What the thread of the token says when it cannot do what it was asked. */
export type TokenFaultKind =
  | 'away' // token, reader or module do not answer: try again later
  | 'no-key' // the token is there, the key is not
  | 'pin' // the PIN was refused; it is not tried again, since a token locks after a few tries
  | 'rejected' // the token took the value and did not like it: only of encrypted keys
  | 'no-module'; // the add-on or the module cannot be loaded

/** A use of a key on a token that did not happen. The message names no secret. */
export class TokenFault extends Error {
  readonly kind: TokenFaultKind;

  constructor(kind: TokenFaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
