import './session.ts';
import './event.ts';
import './health.ts';
import './operations.ts';
