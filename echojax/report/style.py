"""How a report's page looks: on a screen, on a narrow one, and printed on A4."""

CSS = """
:root{color-scheme:light dark;--ink:#1c1e21;--paper:#fff;--soft:#5f6670;--line:#d9dce0;
--wash:#f5f6f8;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--paper:#17191c;--soft:#a2a9b3;
--line:#3a3f46;--wash:#212429;--accent:#6cb8ea}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
h1{font-size:2rem;line-height:1.2;margin:0}
h2{font-size:1.4rem;margin:3.2rem 0 .8rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:2rem 0 .5rem}
p,ul{max-width:48rem}
a{color:var(--accent)}
.run,.files,figcaption,caption,summary{color:var(--soft)}
.run{margin:.3rem 0 1.5rem}
.question{font-style:italic;color:var(--soft)}
.note{border-left:4px solid #d55e00;background:var(--wash);padding:.7rem 1rem;font-weight:600}
.answer{border-left:4px solid var(--accent);background:var(--wash);padding:.3rem 1.2rem}
.answer p{margin:.8rem 0;font-size:1.1rem}
.key{color:var(--soft);font-size:.9rem}
.answer .key{font-size:.9rem}
.missing{color:var(--soft);font-style:italic}
.scroll{overflow-x:auto;margin:1rem 0 .3rem}
.files{margin:0 0 1.2rem;font-size:.85rem}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.4rem;max-width:48rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom;border-bottom:2px solid var(--soft)}
small{color:var(--soft);white-space:nowrap}
figure{margin:1.5rem 0}
img{max-width:100%;height:auto;background:#fff;border-radius:6px;padding:.6rem;
border:1px solid var(--line)}
figcaption,summary{font-size:.9rem}
summary{cursor:pointer}
pre,code{font:.85rem/1.5 ui-monospace,monospace}
pre{background:var(--wash);padding:1rem;overflow-x:auto}
@media(max-width:40rem){main{padding:1.2rem .8rem 3rem}h1{font-size:1.5rem}
figure{overflow-x:auto}img{padding:.2rem;max-width:44rem}td,th{padding-right:.7rem}
table{width:max-content}td{max-width:15rem}caption{max-width:85vw}}
@page{size:A4;margin:14mm}
@media print{details::details-content{content-visibility:visible;block-size:auto}
:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;
--wash:#f5f6f8;--accent:#0072b2}
body{font-size:10pt}main{max-width:none;padding:0}
.scroll{overflow:visible}table{width:100%;font-size:8pt}.wide table{font-size:6.5pt}
th,td{padding:.2rem .4rem .2rem 0;overflow-wrap:break-word}.wide small{white-space:normal}
tr,figure,img{break-inside:avoid}tbody tr:nth-child(-n+2){break-before:avoid}
h2,h3,caption{break-after:avoid}h2{margin-top:1.6rem}
figure img{max-width:100%;max-height:230mm;border:0;padding:0}
pre{white-space:pre-wrap;overflow-wrap:anywhere}}
"""
