import type { GatewayConfig } from '@sallyport/config';

export function queueOf(config: GatewayConfig) {
  return config.queue.driver === 'redis'
    ? { driver: 'redis' as const, urlFile: config.queue.urlFile }
    : { driver: 'embedded' as const };
}

export function queueFiles({ queue }: GatewayConfig): string[] {
  return queue.driver === 'redis' ? [queue.urlFile] : [];
}

export function retryOf({ retry }: GatewayConfig) {
  return {
    firstMs: retry.first,
    longestMs: retry.longest,
    delayWarningMs: retry.delayWarning,
    expiryMs: retry.expiry,
  };
}
