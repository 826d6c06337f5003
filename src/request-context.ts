import { AsyncLocalStorage } from 'node:async_hooks';

/** What belongs to the request being answered, for places that no argument reaches, such as error masking. */
export interface RequestContext {
  requestId: string;
}

export const requestContext = new AsyncLocalStorage<RequestContext>();

/** `none` outside a request. */
export const currentRequestId = () => requestContext.getStore()?.requestId ?? 'none';
