/** What is counted for those who run the server. No label names a user, a row, or anything that a client chooses freely. */
export interface Metrics {
  /** `route` is a pattern such as /sync/status/:taskId. */
  requestAnswered(request: { method: string; route: string; status: number; seconds: number }): void;
  /** `field` is the first field of the operation, which the schema bounds, unlike the name that a client gives. */
  operationEnded(operation: { field: string; type: string; outcome: 'ok' | 'error' }): void;
  /** Answers what to call, once, when it ends. */
  subscriptionOpened(): () => void;
  /** A batch of an import was committed. */
  imported(batch: { conversations: number; messages: number; bytes: number }): void;
  /** A run of a worker ended a task. */
  taskEnded(task: { lane: string; status: string }): void;
  /** Everything in the text format of Prometheus, with the media type that says so. */
  read(): Promise<{ text: string; mediaType: string }>;
}
