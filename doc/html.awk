# The public headers as HTML pages with an index: awk -v out=DIR -f html.awk HEADER...
function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
function open_page(file, title)
{
    print "<!doctype html><meta charset=utf-8><title>" title "</title>" \
          "<style>body{max-width:60em;margin:2em auto;font-family:sans-serif}pre{font-size:.9em}" \
          "i{color:#356;font-style:normal}b:target{background:#fe8}</style>" > file
}

BEGIN {
    index_page = out "/index.html"
    open_page(index_page, "Tapir")
    print "<h1>Tapir</h1>" > index_page
}

FNR == 1 {
    if (page != "") { print "</pre>" > page; close(page); print "</p>" > index_page }
    name = FILENAME
    sub(/^include\//, "", name)
    link = name
    gsub(/\//, "-", link)
    link = link ".html"
    page = out "/" link
    open_page(page, name)
    print "<p><a href=index.html>index</a><h1>" name "</h1><pre>" > page
    title = $0
    sub(/^\/\* [a-z]+\.h - /, "", title)
    print "<h2><a href=" link ">" name "</a></h2><p>" escape(title) "<p>" > index_page
    comment = 0
}

{
    line = escape($0)
    if (match($0, /tp_[a-z0-9_]+\(/) && /^TP_API/) {
        id = substr($0, RSTART, RLENGTH - 1)
        sub(id "\\(", "<b id=" id ">" id "</b>(", line)
        print "<a href=" link "#" id ">" id "</a> " > index_page
    }
    if (comment)
        line = "<i>" line
    else
        sub(/\/\*/, "<i>/*", line)
    if ($0 ~ /\/\*/) comment = 1
    if ($0 ~ /\*\//) comment = 0
    print line (line ~ /<i>/ ? "</i>" : "") > page
}

END { print "</pre>" > page }
