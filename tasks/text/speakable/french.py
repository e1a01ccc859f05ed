"""What a French reader says."""

from tasks.text.speakable.tongue import ACRONYMS, Coin, Figures, Romans, Shortenings, Tongue, words

_PARTS = "demi tiers quart cinquième sixième septième huitième neuvième dixième"

FRENCH = Tongue(
    code="fr",
    figures=Figures(
        groups=" .",
        mark=",",
        point="virgule",
        minus="moins",
        to="à",
        percent="pour cent",
        permille="pour mille",
        half="un demi",
        and_a_half=" et demi",
        parts={
            number: (f"un {name}", name if name.endswith("s") else f"{name}s")
            for number, name in enumerate(_PARTS.split(), 2)
        },
        scales={
            "million": ("un million", "millions"),
            "millions": ("un million", "millions"),
            "milliard": ("un milliard", "milliards"),
            "milliards": ("un milliard", "milliards"),
            "M": ("un million", "millions"),
            "Md": ("un milliard", "milliards"),
            "Mds": ("un milliard", "milliards"),
        },
        scale_link=" de ",
    ),
    coins={
        "$": Coin("dollar", "dollars"),
        "£": Coin("livre", "livres"),
        "€": Coin("euro", "euros"),
        "¥": Coin("yen", "yens"),
        "¢": Coin("centime", "centimes"),
    },
    coin_link=" ",
    shortenings=Shortenings(
        always={
            "p.ex.": "par exemple",
            "c.-à-d.": "c'est-à-dire",
            "etc.": "et cetera",
            "av.J.-C.": "avant Jésus-Christ",
            "apr.J.-C.": "après Jésus-Christ",
            "J.-C.": "Jésus-Christ",
            "env.": "environ",
            "av.": "avenue",
            "Prof.": "professeur",
            "Mgr.": "monseigneur",
            "Bd.": "boulevard",
            "tél.": "téléphone",
        },
        before_name={
            "M.": "monsieur",
            "MM.": "messieurs",
            "Mr.": "monsieur",
            "Mme": "madame",
            "Mmes": "mesdames",
            "Mlle": "mademoiselle",
            "Mlles": "mesdemoiselles",
            "Mme.": "madame",
            "Mlle.": "mademoiselle",
            "Dr": "docteur",
            "Dr.": "docteur",
            "Pr": "professeur",
            "Mgr": "monseigneur",
            "Cap.": "capitaine",
            "Gal": "général",
        },
        before_number={
            "n°": "numéro",
            "nº": "numéro",
            "no.": "numéro",
            "p.": "page",
            "pp.": "pages",
            "chap.": "chapitre",
            "vol.": "volume",
            "t.": "tome",
            "fig.": "figure",
            "art.": "article",
            "v.": "vers",
        },
    ),
    romans=Romans(
        divisions="chapitre|partie|livre|tome|volume|acte|scène|section|chant|lettre|figure|planche|guerre|type|classe",
        centuries="siècles?",
        kings="Alexandre|Benoît|Charles|Clément|Édouard|Ferdinand|François|François-Joseph|Frédéric|George|Georges|Grégoire|"
        "Guillaume|Henri|Innocent|Ivan|Jacques|Jean|Jean-Paul|Jules|Léon|Léopold|Louis|Napoléon|Nicolas|Paul|Philippe|Pie|"
        "Pierre|Ramsès|Richard|Robert|Urbain",
        queens="Anne|Catherine|Élisabeth|Elisabeth|Isabelle|Jeanne|Marguerite|Marie",
        titles="roi|reine|pape|empereur|impératrice|tsar|prince|duc|Roi|Reine|Pape|Empereur",
    ),
    signs={
        "&": "et",
        "+": "plus",
        "=": "égale",
        "×": "fois",
        "÷": "divisé par",
        "<": "inférieur à",
        ">": "supérieur à",
        "±": "plus ou moins",
        "→": "flèche",
        "©": "copyright",
        "™": "marque",
        "®": "marque déposée",
        "@": "arobase",
        "√": "racine de",
    },
    address={
        ".": "point",
        "/": "barre oblique",
        "-": "tiret",
        "_": "tiret bas",
        "@": "arobase",
        ":": "deux-points",
        "?": "point d'interrogation",
        "=": "égale",
        "&": "et",
        "#": "dièse",
        "%": "pour cent",
        "~": "tilde",
        "+": "plus",
    },
    number_sign="numéro",
    section_sign="paragraphe",
    about="environ",
    acronyms=ACRONYMS,
    short_words=words(
        "AU AUX CE CES DE DES DU ELLE EN EST ET FIN IL JE LA LE LES MA MAIS MES MON NE NON NOS OU OUI PAR PAS QUE QUI SA SES SON SUR TOI TU UN UNE VOS"
    ),
    feminine=words(
        "heure heures minute minutes seconde secondes livre livres tonne tonnes once onces calorie calories femme femmes fois page "
        "pages fille filles année années semaine semaines personne personnes voix maison maisons lettre lettres ligne lignes"
    ),
)
