/** Where tests stand, as patterns from the root of the project. */

/** Those that start no process of the gateway and no peer. */
export const UNIT: readonly string[] = [
  'packages/*/src/**/*.test.ts',
  'services/*/src/**/*.test.ts',
  'test/architecture/*.test.ts',
];

/** Those with real processes and peers. */
export const WHOLE: readonly string[] = [
  'test/vectors/*.test.ts',
  'test/bench/*.test.ts',
  'test/hostile/**/*.test.ts',
  'test/fuzz/*.test.ts',
  'test/interop/*.test.ts',
  'test/e2e/*.test.ts',
  'test/console/*.test.ts',
];

/** Those with a command of their own: `npm run test:chaos`, `npm run test:interop-java`. */
export const APART: readonly string[] = ['test/chaos/*.test.ts', 'test/interop-java/*.test.ts'];

/** Set where people want to look at the pages: some hundred pictures take as long as all else of their tests. */
export const PICTURES = 'SALLYPORT_PICTURES';
