#!/bin/sh
# The page. httpd shows it for / because there is no index.html.
visits=$(wget -q -O - --post-data= "$STORE/cgi-bin/counter?visits" | tr -cd 0-9)
greeting=$(printf %s "$GREETING" | sed 's/&/\&amp;/g; s/</\&lt;/g')
[ -n "$visits" ] || printf 'Status: 503 Store Unavailable\r\n'
printf 'Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\r\n'
cat <<PAGE
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$greeting</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 17px/1.55 system-ui, sans-serif; max-width: 34em; margin: 12vh auto; padding: 0 1.2em; }
  h1 { font-size: 2.2em; margin: 0 0 .2em; letter-spacing: -.02em; }
  .count { font-size: 4.5em; font-weight: 700; line-height: 1; margin: .5em 0 0; color: #1f7a5c; }
  .flow { display: flex; gap: .6em; align-items: center; flex-wrap: wrap; margin: 1.6em 0; }
  .flow span { border: 1px solid #8886; border-radius: .5em; padding: .25em .7em; }
  code { background: #8882; border-radius: .3em; padding: .1em .35em; }
  small { opacity: .7; }
</style>
<h1>$greeting</h1>
<p class="count">${visits:-?}</p>
<p>visits so far, counted by a store that this page reaches over its own network.</p>
<p class="flow"><span>you</span> → <span>web</span> → <span>store</span> → <span>volume <b>visits</b></span></p>
<p>Change <code>GREETING</code> in <code>app.yml</code>, and ask <code>stack plan</code> what would happen.</p>
<p><small>answered by container $(hostname)</small></p>
</html>
PAGE
