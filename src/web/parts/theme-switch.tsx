import { Moon, Sun } from 'lucide-react';
import { useState } from 'react';
import { texts } from '../texts/index.ts';

type Theme = 'light' | 'dark';

/** What is shown now: chosen here before (public/theme.js), or what the system prefers. */
function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(currentTheme);
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  const label = other === 'dark' ? texts.shell.theme.toDark : texts.shell.theme.toLight;
  const Icon = other === 'dark' ? Moon : Sun;
  return (
    <button
      type="button"
      className="button quiet icon"
      aria-label={label}
      title={label}
      onClick={() => {
        document.documentElement.dataset.theme = other;
        localStorage.setItem('theme', other);
        setTheme(other);
      }}
    >
      <Icon size={18} aria-hidden="true" />
    </button>
  );
}
