"""Abbreviations and first words by language, for the rules over Punkt's cuts; and what a book itself shows to be one.

Punkt's tables were learned from newspapers and lack most of what stands in books. An abbreviation is written as it is
looked up: in small letters, without its last stop and without white space (`z. B.` is `z.b`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# Twice may be a slip of the printer; and a word that stands often without its stop is a word.
_TIMES_SEEN = 3
_SHARE_WITH_STOP = 0.8
_LONGEST_OF_A_BOOK = 6
# A stop inside a sentence is looked for first, and the word before it then: words are many.
_STOP_INSIDE = re.compile(r"\.(?=,|\s+[^\W\d_A-ZÀ-ÖØ-Þ])")
_WORD_BEFORE = re.compile(rf"(?<![\w.’'-])([^\W\d_]{{2,{_LONGEST_OF_A_BOOK}}})\Z")


@dataclass(frozen=True, slots=True)
class Tongue:
    """What of a language's writing tells where a sentence ends.

    `leading` abbreviations stand before what they belong to (Dr., e.g.) and end no sentence; `numbered` ones do not where a
    figure follows (No. 5); `ending` ones (etc., p.m.) end one where a capital follows. `openers` are words that are written
    with a capital for no other reason than that a sentence begins; `sayers` are verbs by which a name before them makes
    what follows a quotation part of its sentence. Where `counts_by_stops` holds, a number with a stop is an ordinal (3. Mai).
    """

    leading: frozenset[str]
    numbered: frozenset[str]
    ending: frozenset[str]
    openers: frozenset[str]
    sayers: frozenset[str] = frozenset()
    counts_by_stops: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = Tongue(
    leading=_words(
        "adm atty bro c.f ca capt cdr cf cmdr col comdr cpl dr e.g esq fr ft gen gov hon i.e lieut lt maj messrs "
        "mgr mlle mme mons mr mrs ms msgr mt mx prof pvt rev sen sgt sr st ste supt viz vs"
    ),
    numbered=_words(
        "apr app art aug bk bks ch chap chaps cl col cols dec ed eds eq eqs ex feb ff fig figs fol jan jul jun mar n no nos "
        "nov oct p par para pl pp pt pts rep sec sect sep sept ser ss tab v ver vol vols"
    ),
    ending=_words("a.d a.m al b.c b.c.e c.e etc ibid lb lbs m.p.h oz p.m"),
    openers=_words(
        "a after again all although always an and another any anyone as at because before both but by did do does during each "
        "either even every everybody everyone everything few finally first for from had has have he her here his how however "
        "i if in is it its let many maybe meanwhile most my neither never no nobody none nor not nothing now nowhere of on "
        "once one only or our perhaps she should since so some somebody someone something soon still such that the their "
        "them then there these they this those though thus to today tomorrow two under unless until upon was we were what "
        "when whenever where whether which while who whoever whose why with without would yes yesterday yet you your"
    ),
    sayers=_words(
        "added agreed announced answered asked barked began bellowed called came continued cried croaked declared demanded "
        "echoed exclaimed gasped groaned growled hissed howled insisted interrupted laughed moaned murmured muttered observed "
        "ordered pleaded protested remarked repeated replied responded returned roared said sang screamed shouted shrieked "
        "sighed smiled snapped sobbed spoke stammered thought told urged wailed went whispered wondered yelled"
    ),
)
_GERMAN = Tongue(
    leading=_words(
        "abt allg bes bzgl bzw ca d.h dgl dipl dr ehem einschl engl evtl fa fam fr frl gen geb gem ggf gr griech hl hll hr hrn "
        "hptm i.a i.d.r ing inkl insb insbes kath kgl lat lt m.e mr mrs mlle mme o.ä od orig pers "
        "prof rd s.o s.u sel sog sr st stv u.a u.u v v.a verh vgl vors z z.b z.t zit zzgl zw"
    ),
    numbered=_words(
        "abb abs abschn anm apr art aufl aug bd bde bl dez febr fig hrsg jan kap lfd mrd mio nov nr nrn okt pkt s sept sp "
        "str taf tab teilbd tel ziff"
    ),
    ending=_words("chr etc f ff mwst n.chr u.a.m usf usw v.chr z.zt"),
    openers=_words(
        "aber alle allein alles als also am an auch auf aus bald bei beide beim bis bisher bist da dabei dadurch dafür dagegen "
        "daher damals damit danach dann daran darauf darin darum das dass davon dazu dein deine dem den denn dennoch der deren "
        "des deshalb dessen dich die dies diese dieser dieses doch dort du durch eben ein eine einem einen einer eines einige er "
        "erst es etwas euer eure für gegen gestern habe haben hat heute hier hinter ich ihm ihn ihnen ihr ihre im immer in "
        "inzwischen ist ja jede jeder jedes jemand jene jener jenes jetzt kein keine man manche mancher mein meine mich "
        "mehr mir mit morgen nach nein nicht nichts nie niemand nun nur ob obwohl oder ohne plötzlich schon sehr sei sein seine seit "
        "sich sie sind so sobald sogar sollte sondern trotz trotzdem über um und unser unsere unter viele vielleicht vom von vor "
        "wann war waren warum was weder wegen weil weiter welche welcher wem wen wenn wer werden weshalb wie wieder wir wird wo "
        "woher wohin würde zu zuerst zum zur zwar zwischen"
    ),
    counts_by_stops=True,
)
_FRENCH = Tongue(
    leading=_words(
        "av bd boul c.-à-d ca cap capt cf col contr dr drs env gal gén hab lt lieut ltn m maj me mes mgr mlle mlles mm "
        "mme mmes p.ex pl pr prof s.-lt sgt st ste stes vve"
    ),
    numbered=_words(
        "art avr ch chap déc ed éd fasc fév févr fig figs fol janv juil juill l liv n no nos nov oct p par parag pp pl s sec sect sept "
        "sq t tab tit v vol vols"
    ),
    ending=_words("al apr etc h ibid j.-c pers suiv"),
    openers=_words(
        "a ai ainsi alors après au aucun aucune aujourd aussi autant autour aux avant avec bien bientôt car ce ceci cela celle celles "
        "celui cependant certains ces cet cette ceux chacun chaque comme comment d dans de depuis des dès donc du elle elles en "
        "encore enfin ensuite entre est et étaient était eux hier ici il ils j jamais je jusque l la là le les leur leurs lorsque lui "
        "ma mais malgré même mes moi mon n ne ni non nos notre nous nul on ou où oui par parce parfois partout pas pendant "
        "personne peut plus plusieurs pour pourquoi pourtant puis puisque qu quand que quel quelle quelqu quelque quelques qui quoi "
        "rien s sa sans ses seul si sinon soudain sous sur ta tandis tant te tes toi ton tous tout toute toutes très tu un une vers "
        "voici voilà vos votre vous y"
    ),
)
_SPANISH = Tongue(
    leading=_words(
        "adm aprox arq av avda bto c.f ca cap cía cf cmdte cnel coord cte d dn dña dña dr dra dres excma excmo fco fr fray gral "
        "hno hnos ilma ilmo ing lic licda ltda ma mag mgr mons mtro ntra p.ej pbro pdte pfra prof profa pte ptro rvdo s sr sra "
        "sras sres srta sta sto tte v.gr vda vs"
    ),
    numbered=_words(
        "abr ago art arts cap caps cf col dic ed ene fasc feb fig figs fol jul jun lib mar n no nov nro núm núms oct p pág págs párr pp "
        "pral s sec secc sep sept t tít tom v vol vols"
    ),
    ending=_words("a.c a.m al d.c ee.uu etc h ibid p.m ud uds vd vds"),
    openers=_words(
        "a acaso además ahí ahora al algo alguien alguna alguno algunos allá allí ante antes apenas aquel aquella aquello aquí así "
        "aún aunque ayer bajo bien cada casi como cómo con contra cual cuál cualquier cuando cuándo cuanto cuánto de del desde "
        "después donde dónde durante e el él ella ellas ello ellos en entonces entre era eran es esa ese eso esos esta está "
        "estaba estas este esto estos fue había hace hacia hasta hay hoy incluso jamás la las le les lo los luego mañana más "
        "me mi mientras mis mucho muchos muy nada nadie ni ninguna ninguno no nos nosotros nuestra nuestro nunca o otra otro "
        "para pero poco por porque pronto pues que qué quién quien quienes quizá quizás se según ser si sí siempre sin sino sobre "
        "solo sólo son su sus también tampoco tan tanto te todavía todo todos tras tu tú tus un una uno unos usted ustedes y ya yo"
    ),
)
_ITALIAN = Tongue(
    leading=_words(
        "amm arch avv ca cap card cav cf cfr co col comm dir dott dott.ssa dr dr.ssa es fr gen geom gent gr ill ing l.go lat lt mag "
        "march mons mr mrs on on.le p.es p.za p.zza per.ind prof prof.ssa proff rag rev rif s sac sig sig.na sig.ra sigg spett ss "
        "st t.col ten v v.le vd vs"
    ),
    numbered=_words(
        "abr ago agg apr art artt cap capp cod col dic ed fasc feb fig figg fol gen giu lett lib lug mag mar n nn nov nr num ott p pag "
        "pagg par pp qd reg sec sess set sett sez t tab tav tit v vol voll"
    ),
    ending=_words("a.c a.m al d.c ecc etc ibid p.m s.a s.p.a s.r.l ss"),
    openers=_words(
        "a adesso affinché ai al alcuni alcuno alla alle allo allora altri altro anche ancora anzi appena avanti aveva basta ben bene c "
        "ch che chi chissà chiunque ci ciascuno ciò col come con contro così cosa cui d da dagli dai dal dalla davanti del della delle "
        "dello dentro di dice dietro disse dopo dove dunque e è ebbene ecco ed egli ella entrambi era erano essa esse essi esso eppure "
        "fino fra fu gli ha i ieri il in infatti infine insieme intanto invece io l la là le lei li lo loro lui lungo ma mai male me "
        "mentre mi mia mio molti molto ne nè né negli nei nel nell nella nelle nemmeno nessuna nessuno niente no noi non nostra "
        "nostro nulla o ogni oggi ogniuno oltre oppure ora per perché perciò perfino però piano più poco poi poiché presto prima proprio "
        "può qua qualche qualcosa qualcuno quale quando quanti quanto quasi quei quel quella quelle quelli quello questa queste questi "
        "questo qui quindi sarà se sebbene secondo sempre senza si sì sia siccome solo sono sopra sotto spesso stava su subito sul sulla "
        "sua sue suo suoi tra troppo tu tua tuo tutta tutte tutti tutto un una uno verso vi voi vostra vostro"
    ),
)
TONGUES = {"de": _GERMAN, "en": _ENGLISH, "es": _SPANISH, "fr": _FRENCH, "it": _ITALIAN}
# Titles and "Vol. 2" are written alike in many languages; first words are not.
OTHER_TONGUE = replace(_ENGLISH, openers=frozenset(), sayers=frozenset())


def abbreviations_of(texts: Iterable[str]) -> frozenset[str]:
    """Name what a book shows to be its abbreviations: short words whose stop is followed by a small letter or a comma.

    They have to stand so three times, and nearly always with their stop.
    """
    texts = tuple(texts)
    stopped = Counter(word.lower() for text in texts for word in _stopped(text))
    shown = sorted(word for word, times in stopped.items() if times >= _TIMES_SEEN)
    if not shown:
        return frozenset()
    words = re.compile(rf"(?<![\w.’'-])(?:{'|'.join(shown)})(?![\w.’'-])")
    # Most paragraphs have none of them, which is sooner seen without a pattern.
    few = [text for text in map(str.lower, texts) if any(word in text for word in shown)]
    plain = Counter(word for text in few for word in words.findall(text))
    return frozenset(word for word in shown if stopped[word] >= _SHARE_WITH_STOP * (stopped[word] + plain[word]))


def _stopped(text: str) -> Iterator[str]:
    for stop in _STOP_INSIDE.finditer(text):
        found = _WORD_BEFORE.search(text[max(0, stop.start() - _LONGEST_OF_A_BOOK - 1) : stop.start()])
        if found:
            yield found.group(1)
