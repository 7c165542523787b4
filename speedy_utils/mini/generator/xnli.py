"""Inference: does the premise entail the hypothesis, contradict it, or neither?

A frame has two premises P and Q and hypotheses for both: what P entails Q contradicts and the other way round, so that
the hypothesis alone does not tell the label. R, where there is one, leaves both open; `open` holds what none decides.
<a> and <b> are different persons, <n> a number, <lo> a smaller and <hi> a larger one; <h> is a kind of <H>, <s> is not.
"""

# ruff: noqa: E501 (sentences and lists of words stay whole)

from __future__ import annotations

from dataclasses import dataclass

from speedy_utils.mini.generator.frames import Writer, number
from speedy_utils.mini.generator.words import Item

LABELS = ("entailment", "neutral", "contradiction")
KINDS = (  # a thing, its kind, a thing of another kind
    ("un canario", "un ave", "un lápiz"),
    ("una guitarra", "un instrumento", "una lámpara"),
    ("una manzana", "una fruta", "un libro"),
    ("un martillo", "una herramienta", "una flor"),
    ("un tambor", "un instrumento", "una camisa"),
    ("un loro", "un ave", "un tenedor"),
    ("una novela", "un libro", "un abrigo"),
    ("una trompeta", "un instrumento", "un melón"),
    ("un anillo", "una joya", "un cuchillo"),
    ("una rosa", "una flor", "un martillo"),
    ("un violín", "un instrumento", "una manta"),
    ("una camisa", "una prenda de ropa", "una cebolla"),
    ("un tomate", "una hortaliza", "un violín"),
    ("una hormiga", "un insecto", "una llave"),
    ("una pulsera", "una joya", "una taza"),
    ("un destornillador", "una herramienta", "una moneda"),
    ("un gato", "un animal", "una flauta"),
    ("un sombrero", "una prenda de ropa", "una cuchara"),
    ("una naranja", "una fruta", "un reloj"),
    ("una tortuga", "un animal", "una carta"),
    ("un grillo", "un insecto", "un peine"),
    ("una cebolla", "una hortaliza", "un espejo"),
)


@dataclass(frozen=True)
class Frame:
    """Premises `p`, `q`, `r`; hypotheses that p entails (`yes`), that q entails (`no`), and that none decides (`open`)."""

    p: str
    q: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    open: tuple[str, ...]
    r: str = ""


FRAMES = (
    # verbs that imply, deny, or leave open
    Frame(
        "<a> se acordó de [traer|comprar|devolver] <el x=cosa>.",
        "<a> olvidó [traer|comprar|devolver] <el x=cosa>.",
        ("<a> no se olvidó de <el x>.", "A <a> no se le olvidó <el x>."),
        ("A <a> se le olvidó <el x>.", "<a> no se acordó de <el x>."),
        ("<el x> era para <b>.", "<b> le había pedido <el x> a <a>."),
    ),
    Frame(
        "Después de muchos intentos, <a> logró abrir la puerta de <el x=local>.",
        "Después de muchos intentos, <a> no logró abrir la puerta de <el x=local>.",
        ("<a> abrió la puerta de <el x>.", "Al final la puerta quedó abierta."),
        ("<a> no abrió la puerta de <el x>.", "La puerta siguió cerrada."),
        ("<a> trabaja en <el x>.", "<b> ayudó a <a> con la llave."),
        "<a> quiere abrir la puerta de <el x=local>.",
    ),
    Frame(
        "<a> dejó de fumar en <mes> y no ha vuelto a hacerlo.",
        "<a> sigue fumando igual que en <mes>.",
        ("<a> ya no fuma.", "<a> abandonó el tabaco."),
        ("<a> todavía fuma.", "<a> no ha abandonado el tabaco."),
        ("<a> empezó a fumar por culpa de <b>.", "<a> tose por las noches."),
        "<a> fumaba mucho cuando estudiaba en <ciudad>.",
    ),
    Frame(
        "<a> lamenta que <b> se fuera a <c=ciudad>.",
        "<a> finge que <b> se fue a <c=ciudad>.",
        ("<b> se marchó a <c>.", "Es cierto que <b> se fue a <c>."),
        ("No es verdad que <b> se fuera a <c>.", "<b> no se ha ido a <c>."),
        ("<b> tiene familia en <c>.", "<a> nunca ha estado en <c>."),
        "<a> cree que <b> se fue a <c=ciudad>.",
    ),
    Frame(
        "<a> sabe que <el x=local> está cerrad<x:o/a>.",
        "<a> cree, y se equivoca, que <el x=local> está cerrad<x:o/a>.",
        ("<el x> está cerrad<x:o/a>.", "<el x> no está abiert<x:o/a>."),
        ("<el x> no está cerrad<x:o/a>.", "<el x> está abiert<x:o/a>."),
        ("<el x> abre también los <día.pl>.", "<a> tiene la llave de <el x>."),
        "<a> sospecha que <el x=local> está cerrad<x:o/a>.",
    ),
    Frame(
        "<b> convenció a <a> de que vendiera <el x=cosa>, y así lo hizo.",
        "<b> convenció a <a> de que no vendiera <el x=cosa>, y <a> le hizo caso.",
        ("<a> vendió <el x>.", "<a> se desprendió de <el x>."),
        ("<a> no vendió <el x>.", "<a> no llegó a vender <el x>."),
        ("<el x> valía mucho dinero.", "<a> tenía <el x> desde hacía <k=2..9> años."),
        "<b> aconsejó a <a> que vendiera <el x=cosa>.",
    ),
    Frame(
        "<a> casi pierde el autobús a <c=ciudad>.",
        "<a> perdió el autobús a <c=ciudad> por un minuto.",
        ("<a> subió al autobús.", "<a> no perdió el autobús."),
        ("El autobús se fue sin <a>.", "<a> no alcanzó el autobús."),
        ("<a> vive en <c>.", "En <c> esperaba <b>."),
        "<a> quería tomar el autobús a <c=ciudad>.",
    ),
    Frame(
        "<a> se negó a firmar la carta.",
        "<a> aceptó firmar la carta y lo hizo allí mismo.",
        ("<a> no firmó la carta.", "La carta se quedó sin la firma de <a>."),
        ("<a> firmó la carta.", "La carta lleva la firma de <a>."),
        ("La carta la había escrito <b>.", "La carta hablaba de <c=ciudad>."),
        "<b> pidió a <a> que firmara la carta.",
    ),
    Frame(
        "<a> entró en <el x=local> sin hacer ruido.",
        "<a> entró en <el x=local> haciendo tanto ruido que se oyó desde la calle.",
        ("<a> entró en silencio.", "No se oyó entrar a <a>."),
        ("<a> no entró en silencio.", "Se oyó entrar a <a>."),
        ("<a> salió de <el x> con <b>.", "En <el x> hacía frío."),
        "<a> entró en <el x=local> a las ocho.",
    ),
    # quantifiers
    Frame(
        "Todos los <x=oficiom.pl> de <c=ciudad> firmaron la protesta.",
        "Ningún <x=oficiom> de <c=ciudad> firmó la protesta.",
        ("Los <x.pl> de <c> firmaron la protesta.", "No hay <x> de <c> que no firmara la protesta."),
        ("Los <x.pl> de <c> no firmaron la protesta.", "No hay <x> de <c> que firmara la protesta."),
        (
            "Los <x.pl> de <c> habían pedido un aumento de sueldo.",
            "La protesta era contra el ruido.",
            "La protesta se entregó en <mes>.",
        ),
    ),
    Frame(
        "Solo uno de los <n> <x=oficiom.pl> llegó a tiempo a la reunión; los demás, tarde.",
        "Todos los <x=oficiom.pl>, <n> en total, llegaron a tiempo a la reunión.",
        ("Casi todos los <x.pl> llegaron tarde.", "Hubo <x.pl> que no llegaron a tiempo."),
        ("Ningún <x> llegó tarde.", "No hubo <x.pl> que llegaran tarde."),
        ("<él> es uno de los <n> <x.pl>.", "La reunión duró <lo> minutos."),
    ),
    Frame(
        "Salvo <a>, todos comieron pescado en <c=ciudad>.",
        "Todos, incluso <a>, comieron pescado en <c=ciudad>.",
        ("<a> fue <a:el único/la única> que no comió pescado.", "Alguien no comió pescado."),
        ("Todos comieron pescado, sin excepción.", "<a> comió pescado como los demás."),
        ("<a> no tenía hambre.", "<b> pagó la cena."),
    ),
    Frame(
        "La mayoría de las <x=oficiof.pl> viven en <c=ciudad>.",
        "Muy pocas <x=oficiof.pl> viven en <c=ciudad>.",
        ("Más de la mitad de las <x.pl> viven en <c>.", "Son muchas las <x.pl> que viven en <c>."),
        ("Menos de la mitad de las <x.pl> viven en <c>.", "Son pocas las <x.pl> que viven en <c>."),
        ("Las <x.pl> de <c> nacieron allí.", "En <c> viven <n> <x.pl>.", "Los alquileres de <c> son caros."),
        "Hay <x=oficiof.pl> que viven en <c=ciudad>.",
    ),
    Frame(
        "En la mesa no quedaba ni <un x=comida>.",
        "En la mesa quedaban todavía <n> <x=comida.pl>.",
        ("No había <x.pl> en la mesa.", "La mesa estaba sin <x.pl>."),
        ("Había <x.pl> en la mesa.", "Sobre la mesa se veían <x.pl>."),
        ("A <a> le gustan <los x>.", "<b> había comprado <x.pl> en <ciudad>."),
    ),
    Frame(
        "Cada <día> <a> desayuna con <b>.",
        "<a> nunca desayuna con <b>.",
        ("Hay días en que <a> desayuna con <b>.", "<b> y <a> comparten a veces el desayuno."),
        ("<a> y <b> no comparten nunca el desayuno.", "<b> no desayuna ningún día con <a>."),
        ("<a> y <b> viven en la misma calle.", "<b> toma café en el desayuno."),
    ),
    Frame(
        "Ambos hermanos, <él> y <él>, viven en <c=ciudad>.",
        "Ninguno de los dos hermanos, <él> y <él>, vive en <c=ciudad>.",
        ("Los dos hermanos viven en <c>.", "Los hermanos son vecinos de <c>."),
        ("Los hermanos viven fuera de <c>.", "Los hermanos no viven en <c>."),
        ("Los hermanos nacieron en <c>.", "Los padres de los hermanos viven en <ciudad>."),
        "Uno de los dos hermanos nació en <c=ciudad>.",
    ),
    # numbers
    Frame(
        "En <el x=sitio> había <n> personas.",
        "En <el x=sitio> no había más de <lo2> personas.",
        ("En <el x> había más de <lo> personas.", "Había al menos <n> personas en <el x>."),
        ("En <el x> había menos de <lo> personas.", "No llegaban a <lo> las personas que había en <el x>."),
        ("Las personas de <el x> eran de <ciudad>.", "La mayoría de las personas de <el x> eran mujeres."),
    ),
    Frame(
        "<a> compró <n> <x=cosa.pl> y <b> compró <lo>.",
        "<a> compró <lo> <x=cosa.pl> y <b> compró <n>.",
        ("<a> compró más <x.pl> que <b>.", "<b> compró menos <x.pl> que <a>."),
        ("<b> compró más <x.pl> que <a>.", "<a> compró menos <x.pl> que <b>."),
        ("<a> pagó menos que <b>.", "<b> y <a> compraron <los x> en <ciudad>."),
        "Entre <a> y <b> compraron <n> <x=cosa.pl>.",
    ),
    Frame(
        "<a> nació en <y> y <b> nació en <yy>.",
        "<b> nació en <y> y <a> nació en <yy>.",
        ("<a> es mayor que <b>.", "<b> nació después que <a>."),
        ("<b> es mayor que <a>.", "<a> nació después que <b>."),
        ("<a> y <b> nacieron en la misma ciudad.", "<a> y <b> son primos."),
        "<a> y <b> nacieron antes de <yy>.",
    ),
    Frame(
        "<el x=cosa> cuesta <n> pesos y <el z=cosa> cuesta <hi>.",
        "<el z=cosa> cuesta <n> pesos y <el x=cosa> cuesta <hi>.",
        ("<el x> es más barat<x:o/a> que <el z>.", "<el z> cuesta más que <el x>."),
        ("<el z> es más barat<z:o/a> que <el x>.", "<el x> cuesta más que <el z>."),
        ("<a> compró <el x> y no <el z>.", "<el x> es de mejor calidad."),
        "<el x=cosa> y <el z=cosa> cuestan <n> pesos en total.",
    ),
    Frame(
        "El viaje a <c=ciudad> dura <n> minutos.",
        "El viaje a <c=ciudad> dura menos de <lo2> minutos.",
        ("Se tarda más de <lo> minutos en llegar a <c>.", "No se llega a <c> en <lo> minutos."),
        ("Se llega a <c> en menos de <lo> minutos.", "No se tarda más de <lo> minutos en llegar a <c>."),
        ("El viaje a <c> es incómodo.", "<a> viaja a <c> cada <día>."),
        "El tren a <c=ciudad> sale a las once.",
    ),
    Frame(
        "De los <n> alumnos aprobaron <lo>.",
        "Aprobaron todos los alumnos, los <n>.",
        ("No todos los alumnos aprobaron.", "Hubo alumnos que suspendieron."),
        ("Ningún alumno suspendió.", "Todos los alumnos aprobaron."),
        ("Los alumnos protestaron por la nota.", "<a> aprobó con la mejor nota."),
        "Al examen se presentaron <n> alumnos.",
    ),
    Frame(
        "El paquete de <a> pesa <hi> kilos; el de <b>, <n>.",
        "El paquete de <b> pesa <hi> kilos; el de <a>, <n>.",
        ("El paquete de <b> pesa menos que el de <a>.", "De los dos paquetes, el de <a> es el que más pesa."),
        ("El paquete de <a> pesa menos que el de <b>.", "De los dos paquetes, el de <b> es el que más pesa."),
        ("El paquete de <a> va a <ciudad>.", "El paquete de <b> es más grande que el de <a>."),
        "El cartero pesó el paquete de <a> y luego el de <b>.",
    ),
    # roles, voice, reference
    Frame(
        "<a> le vendió <el x=cosa> a <b>.",
        "<a> compró <el x=cosa>, que era de <b>.",
        ("<b> compró <el x>, que era de <a>.", "<el x> pasó de manos de <a> a manos de <b>."),
        ("<b> le vendió <el x> a <a>.", "<el x> pasó de manos de <b> a manos de <a>."),
        ("<el x> costó <n> pesos.", "<a> y <b> se conocieron en <el sitio>."),
        "<a> y <b> hablaron de <el x=cosa>.",
    ),
    Frame(
        "<a> fue despedid<a:o/a> por <b>.",
        "<b> fue despedid<b:o/a> por <a>.",
        ("<b> despidió a <a>.", "<a> se quedó sin trabajo por decisión de <b>."),
        ("<a> despidió a <b>.", "<b> se quedó sin trabajo por decisión de <a>."),
        ("<a> encontró otro trabajo en <ciudad>.", "<a> y <b> trabajaron <k=2..15> años en <el sitio>."),
    ),
    Frame(
        "<él> y <ella> discutieron porque ella llegó tarde a <el x=sitio>.",
        "<él> y <ella> discutieron porque él llegó tarde a <el x=sitio>.",
        ("La que llegó tarde a <el x> fue ella.", "Fue una mujer quien llegó tarde."),
        ("El que llegó tarde a <el x> fue él.", "Fue un hombre quien llegó tarde."),
        ("Los dos se reconciliaron en <el x>.", "Discutieron durante <n> minutos."),
        "<él> y <ella> discutieron en <el x=sitio>.",
    ),
    Frame(
        "<A=él> llamó a <B=ella> y ella no contestó.",
        "<B=ella> llamó a <A=él> y él no contestó.",
        ("<B> no contestó la llamada.", "La llamada la hizo <A>."),
        ("<A> no contestó la llamada.", "La llamada la hizo <B>."),
        ("<A> estaba en <ciudad>.", "<B> estaba de viaje."),
        "<A=él> y <B=ella> se llaman los <día.pl>.",
    ),
    Frame(
        "La <x=oficiof> que contrató a <a> se llama <B=ella>.",
        "La <x=oficiof> a quien contrató <a> se llama <B=ella>.",
        ("<B> contrató a <a>.", "<a> fue contratad<a:o/a> por <B>."),
        ("<a> contrató a <B>.", "<B> fue contratada por <a>."),
        ("<B> vive cerca de <el sitio>.", "<a> conocía de antes a <B>."),
    ),
    Frame(
        "En las clases de [francés|piano|dibujo], <a> enseña y <b> aprende.",
        "En las clases de [francés|piano|dibujo], <a> aprende y <b> enseña.",
        ("<b> recibe las clases de <a>.", "Quien da las clases es <a>."),
        ("<a> recibe las clases de <b>.", "Quien da las clases es <b>."),
        ("Las clases son los <día.pl>.", "<a> y <b> viven en <ciudad>."),
        "<a> y <b> quieren aprender [francés|piano|dibujo].",
    ),
    Frame(
        "<A=ella> es la madre de <b>.",
        "<A=ella> es la hija de <b>.",
        ("<b> es hij<b:o/a> de <A>.", "<A> es mayor que <b>."),
        ("<b> no es hij<b:o/a> de <A>.", "<A> nació después que <b>."),
        ("<A> tiene <k=2..9> primos.", "<A> y <b> viven en <ciudad>."),
        "<A=ella> vive con <b>.",
    ),
    Frame(
        "<a> prestó dinero a <b>, que aún no se lo ha devuelto.",
        "<b> prestó dinero a <a>, que aún no se lo ha devuelto.",
        ("Quien debe el dinero es <b>.", "El dinero lo había prestado <a>."),
        ("Quien debe el dinero es <a>.", "El dinero lo había prestado <b>."),
        ("El dinero era para comprar <un x=cosa>.", "Fueron <n> pesos."),
    ),
    # order and comparison
    Frame(
        "Ese día, antes de [cenar|dormir|salir], <a> llamó por teléfono a <b>.",
        "Ese día <a> no llamó por teléfono a <b> en ningún momento.",
        ("Ese día <a> le hizo una llamada a <b>.", "<a> telefoneó a <b> ese día."),
        ("Ese día <a> no le hizo ninguna llamada a <b>.", "<a> no telefoneó a <b> ese día."),
        ("<a> y <b> se vieron al día siguiente.", "<b> esperaba la llamada de <a>."),
        "Ese día <a> pensaba llamar por teléfono a <b>.",
    ),
    Frame(
        "Primero llegó <a> y luego <b>.",
        "Cuando <a> llegó, <b> ya estaba allí.",
        ("<a> llegó antes que <b>.", "<b> llegó más tarde que <a>."),
        ("<b> llegó antes que <a>.", "<a> llegó más tarde que <b>."),
        ("<a> y <b> llegaron en tren.", "<b> llegó a las ocho."),
        "<a> y <b> llegaron el <día>.",
    ),
    Frame(
        "<a> se casó antes de terminar la carrera.",
        "<a> se casó cuando ya había terminado la carrera.",
        ("<a> terminó la carrera después de casarse.", "Cuando se casó, <a> aún no había terminado la carrera."),
        ("<a> terminó la carrera antes de casarse.", "Cuando se casó, <a> ya tenía la carrera terminada."),
        ("<a> estudió en <ciudad>.", "<a> se casó con <un oficio>."),
        "<a> se casó en <mes> con <b>.",
    ),
    Frame(
        "<a> es más alt<a:o/a> que <b>.",
        "<b> es más alt<b:o/a> que <a>.",
        ("<b> es más baj<b:o/a> que <a>.", "<b> no es tan alt<b:o/a> como <a>."),
        ("<a> es más baj<a:o/a> que <b>.", "<a> no es tan alt<a:o/a> como <b>."),
        ("<a> juega al baloncesto.", "<b> corre más que <a>."),
        "<a> y <b> son personas altas.",
    ),
    Frame(
        "<A=él> corre más que <B=ella>, y <B> corre más que <C=nombre>.",
        "<A=él> corre menos que <B=ella>, y <B> corre menos que <C=nombre>.",
        ("<A> corre más que <C>.", "<C> corre menos que <A>."),
        ("<C> corre más que <A>.", "<A> corre menos que <C>."),
        ("<C> entrena todos los días.", "<A> ganó la carrera de <ciudad>."),
        "<A=él> y <C=nombre> corren más que <B=ella>.",
    ),
    Frame(
        "<el x=sitio> está al norte de <el z=sitio>.",
        "<el x=sitio> está al sur de <el z=sitio>.",
        ("<el z> está al sur de <el x>.", "Para ir de <el z> a <el x> hay que caminar hacia el norte."),
        ("<el z> está al norte de <el x>.", "Para ir de <el z> a <el x> hay que caminar hacia el sur."),
        ("<el x> es más grande que <el z>.", "<a> trabaja cerca de <el z>."),
        "<el x=sitio> está enfrente de <el z=sitio>.",
    ),
    Frame(
        "El pueblo de <a> queda más lejos que el de <b>.",
        "El pueblo de <a> queda más cerca que el de <b>.",
        ("El pueblo de <b> está más cerca que el de <a>.", "El pueblo de <b> no está tan lejos como el de <a>."),
        ("El pueblo de <b> está más lejos que el de <a>.", "El pueblo de <b> no está tan cerca como el de <a>."),
        ("El pueblo de <a> tiene <n> casas.", "El pueblo de <b> es más bonito."),
        "El pueblo de <a> y el de <b> están lejos de <ciudad>.",
    ),
    # kinds and parts
    Frame(
        "<a> compró <h>.",
        "<a> no compró nada.",
        ("<a> compró <H>.", "<a> ha comprado algo."),
        ("<a> no compró <h>.", "<a> no hizo ninguna compra."),
        ("<a> prefería <s>.", "<a> tenía <n> pesos."),
        "<a> entró en una tienda donde vendían de todo.",
    ),
    Frame(
        "En la caja solo había <h>.",
        "En la caja solo había <s>.",
        ("En la caja había <H>.", "La caja no contenía <s>."),
        ("En la caja no había <h>.", "La caja contenía <s>."),
        ("La caja pesaba <n> kilos.", "<a> le había regalado la caja a <b>."),
        "Nadie sabe qué había en la caja.",
    ),
    Frame(
        "<b> le regaló a <a> <h>, y no <s>.",
        "<b> le regaló a <a> <s>, y no <h>.",
        ("El regalo de <b> fue <h>.", "Lo que <a> recibió de <b> era <H>."),
        ("El regalo de <b> fue <s>.", "Lo que <a> recibió de <b> no era <h>."),
        ("A <a> no le gustó el regalo.", "<b> compró el regalo en <ciudad>."),
        "<b> le hizo un regalo a <a>.",
    ),
    Frame(
        "<a> vive en el centro de <c=ciudad>.",
        "<a> vive lejos de <c=ciudad>.",
        ("<a> vive en <c>.", "La casa de <a> está en <c>."),
        ("<a> no vive en <c>.", "La casa de <a> no está en <c>."),
        ("<a> nació en <c>.", "<a> vive en una casa con jardín."),
        "<a> trabaja en el centro de <c=ciudad>.",
    ),
    Frame(
        "<a>, que es <a:médico/médica>, llegó a <c=ciudad> en <mes>.",
        "<a>, que no ha estudiado medicina, llegó a <c=ciudad> en <mes>.",
        ("<a> es <a:médico/médica>.", "<a> estudió medicina."),
        ("<a> no es <a:médico/médica>.", "<a> no tiene la carrera de medicina."),
        ("<a> trabaja en el hospital de <c>.", "<a> llegó a <c> con <b>."),
        "<a> llegó a <c=ciudad> para estudiar.",
    ),
    # negation, condition, alternatives, modality
    Frame(
        "No es verdad que <el x=sitio> esté en <c=ciudad>.",
        "Es verdad que <el x=sitio> está en <c=ciudad>.",
        ("<el x> no está en <c>.", "<el x> se encuentra fuera de <c>."),
        ("<el x> está en <c>.", "<el x> se encuentra en <c>."),
        ("<el x> se construyó en <y>.", "<a> visitó <el x>."),
        "Nadie me ha dicho dónde está <el x=sitio>; quizá en <c=ciudad>.",
    ),
    Frame(
        "Si llueve, <a> no sale de casa; y hoy llueve.",
        "Si llueve, <a> sale a pasear; y hoy llueve.",
        ("Hoy <a> se queda en casa.", "Hoy <a> no sale."),
        ("Hoy <a> no se queda en casa.", "Hoy <a> sale."),
        ("A <a> le gusta la lluvia.", "Mañana también lloverá."),
        "Si llueve, <a> no sale de casa.",
    ),
    Frame(
        "O <a> o <b> rompió <el x=cosa>, y no fue <b>.",
        "O <a> o <b> rompió <el x=cosa>, y no fue <a>.",
        ("<a> rompió <el x>.", "Quien rompió <el x> fue <a>."),
        ("<b> rompió <el x>.", "Quien rompió <el x> fue <b>."),
        ("<el x> se rompió sin querer.", "<el x> era de <C=nombre>."),
        "O <a> o <b> rompió <el x=cosa>.",
    ),
    Frame(
        "<a> no come carne: solo come verdura.",
        "<a> no come verdura: solo come carne.",
        ("<a> come verdura.", "<a> no come carne."),
        ("<a> come carne.", "<a> no come verdura."),
        ("<a> aprendió a cocinar con <b>.", "A <a> le gusta el pan."),
        "<a> come casi siempre fuera de casa.",
    ),
    Frame(
        "Ni <a> ni <b> han estado en <c=ciudad>.",
        "Tanto <a> como <b> han estado en <c=ciudad>.",
        ("<a> no conoce <c>.", "<b> nunca ha ido a <c>."),
        ("<a> ha pisado <c> alguna vez.", "<b> estuvo alguna vez en <c>."),
        ("<a> quiere mudarse a <c>.", "<b> tiene familia en <c>."),
        "<a> y <b> hablan a menudo de <c=ciudad>.",
    ),
    Frame(
        "<el x=local> ya está abiert<x:o/a>.",
        "<el x=local> todavía no está abiert<x:o/a>.",
        ("Se puede entrar en <el x>.", "<el x> no está cerrad<x:o/a>."),
        ("No se puede entrar en <el x>.", "<el x> sigue cerrad<x:o/a>."),
        ("<el x> es muy conocid<x:o/a>.", "<a> dirige <el x>."),
        "<el x=local> cambió de horario en <mes>.",
    ),
    Frame(
        "Aunque llovía en <c=ciudad>, el partido se jugó.",
        "Como llovía en <c=ciudad>, el partido no se jugó.",
        ("Hubo partido en <c> bajo la lluvia.", "La lluvia no impidió el partido de <c>."),
        ("La lluvia impidió el partido de <c>.", "No hubo partido en <c> por la lluvia."),
        ("El equipo de <ciudad> había ganado el partido anterior.", "<a> tenía entrada para el partido."),
        "El partido era en <c=ciudad> y llovía.",
    ),
    Frame(
        "Es imposible que <a> viera <el x=cosa>: estaba en otro país.",
        "<a> tuvo que ver <el x=cosa>: <x:lo/la> tenía delante.",
        ("<a> no vio <el x>.", "<el x> no fue vist<x:o/a> por <a>."),
        ("<a> vio <el x>.", "<el x> fue vist<x:o/a> por <a>."),
        ("<el x> era muy viej<x:o/a>.", "<b> buscaba <el x>."),
        "Puede que <a> viera <el x=cosa>.",
    ),
    Frame(
        "<a> volvió a <c=ciudad> por segunda vez.",
        "<a> fue a <c=ciudad> por primera y última vez.",
        ("<a> ha estado en <c> más de una vez.", "Antes de ese viaje, <a> ya conocía <c>."),
        ("<a> ha estado en <c> una sola vez.", "Antes de ese viaje, <a> no conocía <c>."),
        ("<a> fue a <c> para ver a <b>.", "<a> pasó <n> días en <c>."),
        "<a> fue a <c=ciudad> en <mes>.",
    ),
    Frame(
        "Nadie vio salir a <a> de <el x=local>.",
        "Más de un vecino vio salir a <a> de <el x=local>.",
        ("Ningún vecino vio a <a> salir de <el x>.", "No hubo quien viera a <a> salir de <el x>."),
        ("Algún vecino vio a <a> salir de <el x>.", "Hubo quien vio a <a> salir de <el x>."),
        ("<a> salió de <el x> a medianoche.", "<b> vive cerca de <el x>."),
        "<a> salió de <el x=local> a medianoche.",
    ),
)
BEFORE = (
    "Hacía frío en <ciudad>. ",
    "Era <día>. ",
    "La historia la cuenta <nombre>. ",
    "Esto lo sé por <un oficio>. ",
    "No sé si importa, pero es así. ",
    "<persona> lo dejó escrito en una carta. ",
    "En <ciudad> no se habla de otra cosa. ",
)


def bind(writer: Writer) -> None:
    """Persons, numbers, years and kinds that all frames may use."""
    writer.reset()
    random = writer.random
    writer.bound["a"], writer.bound["b"] = writer.sample("nombre", 2)
    writer.used |= {writer.bound["a"].text, writer.bound["b"].text}
    n = random.randint(9, 90)
    low = n - random.randint(2, n // 3)
    for name, value in (("n", n), ("lo", low), ("lo2", low - random.randint(1, 3)), ("hi", n + random.randint(2, 30))):
        writer.bound[name] = number(value)
    year = random.randint(1930, 1990)
    writer.bound["y"], writer.bound["yy"] = number(year), number(year + random.randint(1, 18))
    for name, text in zip("hHs", writer.pick(KINDS), strict=True):
        writer.bound[name] = Item(text, "f" if text.startswith("una ") else "m")


def pair(writer: Writer, label: str) -> tuple[str, str]:
    """A premise and a hypothesis of the label asked for."""
    bind(writer)
    frame = writer.pick(FRAMES, own=0.1)
    swap = writer.chance(0.5)
    premise = frame.q if swap else frame.p
    if label == "neutral":
        hypotheses = frame.open
        if frame.r and writer.chance(0.6):
            premise, hypotheses = frame.r, frame.yes + frame.no
    else:
        hypotheses = frame.yes if (label == "entailment") != swap else frame.no
    before = writer.fill(str(writer.pick(BEFORE))) + " " if writer.chance(0.3) else ""
    premise = writer.text(before + premise)
    return premise, writer.text(writer.random.choice(hypotheses))


def generate(split: str, size: int, seen: set[str]) -> str:
    """The file of a split: premise, hypothesis, label; the three labels equally often and in random order."""
    writer = Writer("xnli", split)
    labels = [LABELS[i % 3] for i in range(size)]
    writer.random.shuffle(labels)
    lines = []
    for label in labels:
        line = "\t".join(pair(writer, label))
        while line in seen:
            line = "\t".join(pair(writer, label))
        seen.add(line)
        lines.append(f"{line}\t{label}\n")
    return "".join(lines)
