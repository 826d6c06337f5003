import type { z } from 'zod';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Scope } from '../../domain/viewer.ts';

/** What the description of the API says of a route. */
export interface RouteDescription {
  /** One line. */
  summary: string;
  /** What else a caller has to know. */
  details?: string;
  /** What a key or session must be allowed to; null when anybody may ask. */
  scope: Scope | null;
  /** What the domain checks the body against, with the domain's names: the route's `fieldNames` turn them into those of REST. */
  body?: z.ZodObject;
  /** The same for the query string. */
  query?: z.ZodObject;
  /** The status of success when it is not 200. */
  status?: number;
  /** The form of the JSON that is answered, or the media types of what is no JSON. */
  answer: z.ZodObject | { mediaTypes: string[] };
  /** What other statuses answer that are no failures of the request. */
  otherAnswers?: Record<`${number}`, z.ZodObject>;
  /** Failures beside those that follow from the scope, the input and the ids in the path. */
  errors?: ErrorCode[];
}

/** A route as far as it is described. */
export interface DescribedRoute {
  method: 'get' | 'post' | 'delete';
  path: string;
  /** Takes a body of any type from `stream`; other routes take JSON only. */
  readsStream?: boolean;
  /** The domain's name of a field, where REST has another: for the description, and to say where an input is wrong. */
  fieldNames?: Record<string, string>;
  about: RouteDescription;
}
