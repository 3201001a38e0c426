/** Samples of one class, in microseconds. */
export interface Sampled {
  readonly name: string;
  readonly micros: Float64Array;
}

export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

/** Mean and sample variance, in one pass (Welford). */
export function moments(values: Float64Array): Moments {
  let mean = 0;
  let squares = 0;
  let count = 0;
  for (const value of values) {
    count += 1;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  return { count, mean, variance: count < 2 ? 0 : squares / (count - 1) };
}

/** Welch's t of two classes; 0 if neither varies. */
export function welchT(a: Moments, b: Moments): number {
  const error = Math.sqrt(a.variance / a.count + b.variance / b.count);
  return error === 0 ? 0 : (a.mean - b.mean) / error;
}

/** The values up to a quantile of all classes together: what is slower is the machine's doing. */
export function cropped(classes: readonly Sampled[], quantile: number): readonly Sampled[] {
  const all = Float64Array.from(classes.flatMap(({ micros }) => [...micros])).sort();
  const limit = all[Math.min(all.length - 1, Math.floor(all.length * quantile))] ?? 0;
  return classes.map(({ name, micros }) => ({
    name,
    micros: micros.filter((value) => value <= limit),
  }));
}

/** The greatest |t| of each class against any other. */
export function worstT(classes: readonly Sampled[]): readonly number[] {
  const all = classes.map(({ micros }) => moments(micros));
  return all.map((one) => Math.max(0, ...all.map((other) => Math.abs(welchT(one, other)))));
}

export function medianOf(values: Float64Array): number {
  return Float64Array.from(values).sort()[values.length >> 1] ?? 0;
}
