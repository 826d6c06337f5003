import type { EventName } from '../../domain/services.ts';

export const channelOf = (event: EventName, key: string) => `sidecar:${event}:${key}`;
