import { DomainError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireModel } from './ask.ts';

export type ChatHealth =
  | { isAvailable: true; model: string; contextTokens: number }
  | { isAvailable: false; error: string };

/** Whether questions would be answered, in words that anybody may read. */
export async function checkChat(services: Services): Promise<ChatHealth> {
  try {
    const model = requireModel(services);
    await model.check();
    return { isAvailable: true, model: model.name, contextTokens: model.contextTokens };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { isAvailable: false, error: error.message };
  }
}
