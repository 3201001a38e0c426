/**
 * Ends the process once all is printed. A server that a check was waiting for when its time was over
 * would else keep it alive.
 */
export async function leave(exitCode: number): Promise<never> {
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(exitCode);
}
