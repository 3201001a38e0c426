let makerOf: ((rule: string) => Permit) | null = null;

/**
 * Leave to sign, encrypt or relay. Only the decide functions of this package can make one; the
 * steps that send mail on take a Permit, not a policy (design section 5).
 */
export class Permit {
  readonly #rule: string;

  private constructor(rule: string) {
    this.#rule = rule;
  }

  /** The rule that granted it. */
  get rule(): string {
    return this.#rule;
  }

  static {
    makerOf = (rule) => new Permit(rule);
  }
}

/** For the decide functions only; not exported from the package. */
export function grant(rule: string): Permit {
  if (makerOf === null) throw new Error('Permit is not initialised');
  return makerOf(rule);
}
