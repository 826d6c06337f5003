import './session.ts';
import './event.ts';
import './operations.ts';
