"""Words that say little about what a search text means, in Dutch, French, English and German; all are folded."""

_FUNCTION_WORDS = {
    "nl": """
        aan achter af al alle alleen als alsof altijd andere anders been ben bent beter bij bijna bijvoorbeeld binnen
        boven buiten daar daarna dan dat de deze die dit doe doen doet door dus een eens eerst elk elke en enkele er erg
        ergens even ga gaan gaat geen gewoon graag had heb hebben hebt heeft heel hem hen het hier hij hoe hun iemand
        iets ik in is ja je jij jou jouw jullie kan kon kun kunnen kunt maar mag me meer meest men met mij mijn moet
        moeten mogen na naar naast nadat niet niets nog nooit nu of om omdat onder ons onze ook op over per samen
        sommige soms te tegen terwijl tijdens toch toen tot tussen uit uw vaak van vanaf veel via vind vinden voor waar
        waarbij waarin waarmee wanneer want waren was wat we wel welk welke wie wij wil willen wilt word worden wordt
        zal ze zeer zelf zich zij zijn zo zoals zoek zoeken zonder zou zouden zult
        """,
    "fr": """
        a afin ai aime aimerais alors apres as assez au aucun aussi autre autres aux avant avec avez avoir avons
        beaucoup bien c car ce ceci cela celle celles celui ces cet cette ceux chaque chez comme comment d dans de
        depuis des deux doit donc dont du elle elles en encore entre es est et etaient etait etant ete etes etre eu
        faire fais fait faut font il ils j jamais je jusque l la laquelle le lequel les leur leurs lors lorsque lui m ma
        mais me meme mes moi moins mon n ne ni nos notre nous on ont ou par parce parfois pas pendant personne peu peut
        peuvent peux plus plusieurs pour pourquoi pouvoir puis qu quand que quel quelle quelles quelqu quelque quels qui
        quoi s sa sans se selon ses si soit son sont sous souvent sur t ta te tes toi ton toujours tous tout toute
        toutes tres tu un une vers veut veux vos votre voudrais vous y
        """,
    "en": """
        a about after all also always am an and another any anyone are around as at be because been before being between
        both but by can could d did do does doing done for from get gets give gives had has have having he her here hers
        him his how i if in into is it its like likes ll made make makes many may me might more most much must my need
        needs no not of off often on one only or other others our out over own people per person s same she should so
        some someone something such t than that the their them then there these they thing things this those
        through to too under until up use used uses using ve very want wants was we were what when where which while who
        whom whose why will with within without would you your
        """,
    "de": """
        ab aber alle allem allen aller alles als also am an andere anderen anderer auch auf aus bei beim bin bis bist da
        dabei damit dann das dass dem den denen der deren des dessen dich die dies diese diesem diesen dieser dieses dir
        doch dort du durch ein eine einem einen einer eines einige er es etwas euch euer fur gegen gern gerne hab habe
        haben hat hatte hier hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder
        jedes jemand kann kein keine konnen machen macht man mehr mein meine mich mir mit mochte muss mussen nach nicht
        nichts noch nun nur ob oder ohne sehr sein seine sich sie sind so soll sollen sondern sowie uber um und uns
        unser unter viel vom von vor wann war waren warum was weil welche welcher wenn wer werde werden wie will wir
        wird wo wollen zu zum zur zwischen
        """,
}
_OCCUPATION_WORDS = {
    "nl": "baan banen beroep beroepen functie job jobs loopbaan vacature vacatures werk werken werkt werkend",
    "fr": "boulot carriere emploi emplois fonction metier metiers profession travail travaille travailler travaillant",
    "en": "career careers employment job jobs occupation occupations profession vacancy work working works worker",
    "de": "arbeit arbeiten arbeitet beruf berufe karriere stelle stellen tatigkeit",
}

FUNCTION_WORDS = frozenset(" ".join(_FUNCTION_WORDS.values()).split())
"""Articles, prepositions, pronouns, auxiliaries and the like."""
OCCUPATION_WORDS = frozenset(" ".join(_OCCUPATION_WORDS.values()).split())
"""Words for an occupation in general: a search text with others is about those."""
