// WHY a script of its own before the page: a theme that a person chose must be there at the first paint.
'use strict';
try {
  const chosen = localStorage.getItem('espalier-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be switched off. The page then follows the system.
}
