"""What a Spanish reader says."""

from tasks.text.speakable.tongue import ACRONYMS, Coin, Figures, Romans, Shortenings, Tongue, words

_PARTS = "medio tercio cuarto quinto sexto séptimo octavo noveno décimo"

SPANISH = Tongue(
    code="es",
    figures=Figures(
        groups=". ",
        mark=",",
        point="coma",
        minus="menos",
        to="a",
        percent="por ciento",
        permille="por mil",
        half="medio",
        and_a_half=" y media",
        parts={
            number: (f"un {name}" if name != "medio" else name, f"{name}s")
            for number, name in enumerate(_PARTS.split(), 2)
        },
        scales={
            "millón": ("un millón", "millones"),
            "millones": ("un millón", "millones"),
            "M": ("un millón", "millones"),
        },
        scale_link=" de ",
    ),
    coins={
        "$": Coin("dólar", "dólares", "centavo", "centavos"),
        "£": Coin("libra", "libras", "penique", "peniques"),
        "€": Coin("euro", "euros", "céntimo", "céntimos"),
        "¥": Coin("yen", "yenes"),
        "¢": Coin("centavo", "centavos"),
    },
    coin_link=" con ",
    shortenings=Shortenings(
        always={
            "p.ej.": "por ejemplo",
            "etc.": "etcétera",
            "EE.UU.": "Estados Unidos",
            "a.C.": "antes de Cristo",
            "d.C.": "después de Cristo",
            "a.deC.": "antes de Cristo",
            "d.deC.": "después de Cristo",
            "Sr.": "señor",
            "Sra.": "señora",
            "Sres.": "señores",
            "Srta.": "señorita",
            "Dr.": "doctor",
            "Dra.": "doctora",
            "Dña.": "doña",
            "Ud.": "usted",
            "Uds.": "ustedes",
            "Vd.": "usted",
            "Vds.": "ustedes",
            "Prof.": "profesor",
            "aprox.": "aproximadamente",
            "Avda.": "avenida",
            "tel.": "teléfono",
        },
        before_name={
            "D.": "don",
            "Sto.": "Santo",
            "Sta.": "Santa",
            "Gral.": "general",
            "Cap.": "capitán",
            "Mons.": "monseñor",
            "Ing.": "ingeniero",
            "Lic.": "licenciado",
        },
        before_number={
            "pág.": "página",
            "págs.": "páginas",
            "p.": "página",
            "pp.": "páginas",
            "núm.": "número",
            "núms.": "números",
            "n.º": "número",
            "nº": "número",
            "cap.": "capítulo",
            "vol.": "volumen",
            "t.": "tomo",
            "fig.": "figura",
            "art.": "artículo",
        },
    ),
    romans=Romans(
        divisions="capítulo|parte|libro|tomo|volumen|acto|escena|sección|canto|carta|figura|lámina|tipo|clase|guerra mundial",
        centuries="siglos?",
        kings="Alejandro|Alfonso|Benedicto|Carlos|Clemente|Eduardo|Enrique|Federico|Felipe|Fernando|Francisco|Gregorio|"
        "Guillermo|Inocencio|Iván|Jacobo|Jaime|Jorge|José|Juan|Juan Carlos|Juan Pablo|Julio|León|Leopoldo|Luis|Napoleón|"
        "Nicolás|Pablo|Pedro|Pío|Ramsés|Ricardo|Sancho",
        queens="Ana|Catalina|Cristina|Isabel|Juana|Margarita|María",
        titles="rey|reina|papa|emperador|emperatriz|zar|zarina|príncipe|duque|Rey|Reina|Papa",
    ),
    signs={
        "&": "y",
        "+": "más",
        "=": "igual a",
        "×": "por",
        "÷": "dividido por",
        "<": "menor que",
        ">": "mayor que",
        "±": "más o menos",
        "→": "flecha",
        "©": "copyright",
        "™": "marca",
        "®": "marca registrada",
        "@": "arroba",
        "√": "raíz de",
    },
    address={
        ".": "punto",
        "/": "barra",
        "-": "guion",
        "_": "guion bajo",
        "@": "arroba",
        ":": "dos puntos",
        "?": "signo de interrogación",
        "=": "igual",
        "&": "y",
        "#": "almohadilla",
        "%": "por ciento",
        "~": "tilde",
        "+": "más",
    },
    number_sign="número",
    section_sign="sección",
    about="unos",
    acronyms=ACRONYMS,
    short_words=words(
        "AL CON DE DEL EL EN ES FIN ESE ESO HAY LA LAS LE LO LOS MI MÁS MUY NO PARA POR QUE QUÉ SI SIN SU SUS SÍ TE TU UN UNA UNO YA YO"
    ),
    masculine=words(
        "día días mapa mapas problema problemas sistema sistemas idioma idiomas poema poemas tema temas gramas programa programas planeta "
        "planetas poeta poetas guardia guardias soldada kilogramas drama dramas a para hasta entra era"
    ),
)
